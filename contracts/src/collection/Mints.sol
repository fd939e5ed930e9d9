// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {Leaves} from "./Leaves.sol";

/// @title How tokens come to be
abstract contract Mints is Leaves {
    uint256 private constant LONGEST_PAUSE = 14 days;

    /// @inheritdoc IWearableCollection
    function claim(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        address to,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external {
        _requireInTime(deadline);
        require(claimKey != address(0), ZeroClaimKey());
        _checkLeaf(root, tokenId, certificateDigest, claimKey, proof);
        bytes32 hash = VestiaryTypes.claim(tokenId, certificateDigest, to, deadline);
        require(Signatures.isBy(_claimKeyNow(tokenId, claimKey), hash, signature), BadSignature());
        _mintCertified(to, tokenId, certificateDigest);
    }

    /// @inheritdoc IWearableCollection
    function mint(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        bytes32[] calldata proof
    ) external {
        _requireMinter(msg.sender);
        _mintWithoutKey(root, tokenId, certificateDigest, to, proof);
    }

    /// @inheritdoc IWearableCollection
    function mintByVoucher(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        address minter,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external {
        _requireMinter(minter);
        _requireInTime(deadline);
        bytes32 hash = VestiaryTypes.voucher(tokenId, certificateDigest, to, deadline);
        require(SignatureChecker.isValidSignatureNowCalldata(minter, hash, signature), BadSignature());
        _mintWithoutKey(root, tokenId, certificateDigest, to, proof);
    }

    /// @inheritdoc IWearableCollection
    function setMinter(address minter, bool allowed) external onlyIssuer {
        isMinter[minter] = allowed;
        emit MinterChanged(minter, allowed);
    }

    /// @inheritdoc IWearableCollection
    function setPauser(address pauser, bool allowed) external onlyIssuer {
        isPauser[pauser] = allowed;
        emit PauserChanged(pauser, allowed);
    }

    /// @inheritdoc IWearableCollection
    function pauseMinting(uint40 until) external {
        require(isPauser[msg.sender] || msg.sender == _issuerAccount(), NotPauser(msg.sender));
        uint256 present = mintingPausedUntil;
        // Ended now, so that the next one waits from now.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (until < block.timestamp) until = uint40(block.timestamp - 1);
        unchecked {
            // Until a past second is a pause without end, which is too long.
            require(
                until <= present
                    || (block.timestamp > present + LONGEST_PAUSE
                        && until - block.timestamp <= LONGEST_PAUSE),
                PauseTooLong(until)
            );
        }
        mintingPausedUntil = until;
        emit MintingPaused(until);
    }

    function _requireMinter(address minter) private view {
        uint256 until = mintingPausedUntil;
        require(block.timestamp > until, MintingIsPaused(until));
        require(isMinter[minter], NotMinter(minter));
    }

    /// A leaf without claim key, of a serial that is not withdrawn.
    function _mintWithoutKey(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        bytes32[] calldata proof
    ) private {
        _checkLeaf(root, tokenId, certificateDigest, address(0), proof);
        _claimKeyNow(tokenId, address(0)); // reverts for a serial that is withdrawn
        _mintCertified(to, tokenId, certificateDigest);
    }

    /// No callback into the receiver: it could refuse a claim, or re-enter.
    function _mintCertified(address to, uint256 tokenId, bytes32 certificateDigest) private {
        _mint(to, tokenId);
        emit Certified(tokenId, certificateDigest);
    }
}
