// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {CollectionBase} from "./CollectionBase.sol";

/// @title What the issuer commits: designs and batches
abstract contract Commits is CollectionBase {
    uint256 private constant TERMS_BITS = 88;
    uint256 private constant TERMS_DEFAULT_SHIFT = 80;
    uint256 private constant TERMS_LAST_DEFAULT = 2;

    /// An open design ends one before the largest serial, so that a next one always exists and never
    /// wraps to zero, which would read as a design that is not open.
    uint64 private constant LAST_SERIAL = type(uint64).max - 1;

    /// @inheritdoc IWearableCollection
    function commitBatch(Batch calldata batch) external onlyIssuer {
        _commit(batch);
    }

    /// @inheritdoc IWearableCollection
    function commitBatchBySignature(Batch calldata batch, uint256 deadline, bytes calldata signature)
        external
    {
        _requireInTime(deadline);
        bytes32 hash = VestiaryTypes.commitBatch(batch, deadline);
        require(
            SignatureChecker.isValidSignatureNowCalldata(_issuerAccount(), hash, signature), BadSignature()
        );
        _commit(batch);
    }

    /// @inheritdoc IWearableCollection
    function designOf(uint64 designId) external view returns (Design memory) {
        StoredDesign storage design = _designs[designId];
        return Design(design.edition, design.nextSerial, design.terms, design.designDigest);
    }

    /// @inheritdoc IWearableCollection
    function batchOf(bytes32 root) external view returns (uint64, uint64, uint64) {
        StoredBatch storage batch = _batches[root];
        return (batch.designId, batch.firstSerial, batch.count);
    }

    function _commit(Batch calldata batch) private {
        StoredDesign storage design = _designs[batch.designId];
        uint64 nextSerial = design.nextSerial;
        if (nextSerial == 0) {
            _open(design, batch);
            nextSerial = 1;
        } else {
            require(
                batch.edition == design.edition && batch.terms == design.terms
                    && batch.designDigest == design.designDigest,
                DesignFixed(batch.designId)
            );
        }

        require(batch.firstSerial == nextSerial, BadSerial(nextSerial, batch.firstSerial));
        require(batch.count != 0, EmptyBatch());
        uint256 lastSerial = uint256(batch.firstSerial) + batch.count - 1;
        uint64 limit = batch.edition == 0 ? LAST_SERIAL : batch.edition;
        require(lastSerial <= limit, EditionExceeded(limit, lastSerial));
        require(batch.root != 0 && _batches[batch.root].count == 0, BadRoot(batch.root));

        // Fits: lastSerial <= limit <= LAST_SERIAL.
        // forge-lint: disable-next-line(unsafe-typecast)
        design.nextSerial = uint64(lastSerial + 1);
        _batches[batch.root] = StoredBatch(batch.designId, batch.firstSerial, batch.count);
        emit BatchCommitted(batch.designId, batch.firstSerial, batch.count, batch.root);
    }

    function _open(StoredDesign storage design, Batch calldata batch) private {
        require(batch.designId != 0 && batch.designDigest != 0, BadDesign());
        require(
            batch.terms >> TERMS_BITS == 0 && batch.terms >> TERMS_DEFAULT_SHIFT <= TERMS_LAST_DEFAULT,
            BadTerms(batch.terms)
        );
        require(batch.edition <= LAST_SERIAL, BadEdition(batch.edition));

        ++designCount;
        design.edition = batch.edition;
        // Fits: checked above.
        // forge-lint: disable-next-line(unsafe-typecast)
        design.terms = uint88(batch.terms);
        design.designDigest = batch.designDigest;
        emit DesignOpened(batch.designId, batch.designDigest, batch.edition, batch.terms);
    }
}
