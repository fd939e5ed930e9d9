// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {Steps, Witness} from "./Steps.sol";

/// @title A call of each function of a collection, and what it may change
/// @dev For each function that is not a view `check_` and its name, and what tells two of one function apart; those of
/// actBySignature stand in SignedChecks. test-js/halmos.test.js holds them against the ABI.
abstract contract CollectionChecks is Steps {
    // ---- Mints

    function check_claim() external {
        _claim(0);
    }

    function check_claim_with_siblings() external {
        _claim(2);
    }

    /// By the key that counts now, the leaf's unless it was replaced or withdrawn.
    function _claim(uint256 siblings) private {
        Step memory step = _begin();
        Leaf memory leaf = _anyLeaf(siblings);
        Signed memory signed = _anySigned();
        leaf.claimKey = svm.createAddress("claimKey");
        uint256 replaced = _replacedKeyOf(leaf);
        address key = address(uint160(_either(_is(replaced == 0), uint160(leaf.claimKey), replaced)));
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)"),
                leaf.tokenId,
                leaf.certificateDigest,
                leaf.to,
                signed.deadline
            )
        );
        uint256 mayClaim = _is(leaf.claimKey != address(0)) & _is(replaced != 1)
            & _is(block.timestamp <= signed.deadline) & _byKey(key, structHash, signed);
        _let(step, Effect.Mint, leaf.to, _committed(step, leaf) & mayClaim);
        _run(
            step,
            abi.encodeCall(
                _collection.claim,
                (
                    leaf.root,
                    leaf.tokenId,
                    leaf.certificateDigest,
                    leaf.claimKey,
                    leaf.to,
                    signed.deadline,
                    leaf.proof,
                    signed.bytes65
                )
            )
        );
    }

    function check_mint() external {
        _mint(0);
    }

    function check_mint_with_siblings() external {
        _mint(2);
    }

    /// By a minter, of a leaf without claim key.
    function _mint(uint256 siblings) private {
        Step memory step = _begin();
        Leaf memory leaf = _anyLeaf(siblings);
        uint256 mayMint = _is(_collection.isMinter(step.sender)) & _notPausedNorWithdrawn(leaf);
        _let(step, Effect.Mint, leaf.to, _committed(step, leaf) & mayMint);
        _run(
            step,
            abi.encodeCall(
                _collection.mint, (leaf.root, leaf.tokenId, leaf.certificateDigest, leaf.to, leaf.proof)
            )
        );
    }

    function check_mintByVoucher() external {
        _mintByVoucher(0);
    }

    function check_mintByVoucher_with_siblings() external {
        _mintByVoucher(2);
    }

    function _mintByVoucher(uint256 siblings) private {
        Step memory step = _begin();
        Leaf memory leaf = _anyLeaf(siblings);
        Signed memory signed = _anySigned();
        address minter = svm.createAddress("minter");
        _assumeSigner(minter);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)"),
                leaf.tokenId,
                leaf.certificateDigest,
                leaf.to,
                signed.deadline
            )
        );
        uint256 mayMint = _is(_collection.isMinter(minter)) & _notPausedNorWithdrawn(leaf)
            & _is(block.timestamp <= signed.deadline) & _byAccount(minter, structHash, signed);
        _let(step, Effect.Mint, leaf.to, _committed(step, leaf) & mayMint);
        _run(
            step,
            abi.encodeCall(
                _collection.mintByVoucher,
                (
                    leaf.root,
                    leaf.tokenId,
                    leaf.certificateDigest,
                    leaf.to,
                    minter,
                    signed.deadline,
                    leaf.proof,
                    signed.bytes65
                )
            )
        );
    }

    struct Leaf {
        bytes32 root;
        uint256 tokenId;
        bytes32 certificateDigest;
        address claimKey;
        address to;
        bytes32[] proof;
    }

    function _anyLeaf(uint256 siblings) private pure returns (Leaf memory leaf) {
        leaf.root = svm.createBytes32("root");
        leaf.tokenId = svm.createUint256("serial");
        leaf.certificateDigest = svm.createBytes32("certificateDigest");
        leaf.to = svm.createAddress("to");
        leaf.proof = new bytes32[](siblings);
        for (uint256 i; i < siblings; ++i) {
            leaf.proof[i] = svm.createBytes32("sibling");
        }
    }

    /// Whether it is the token that is looked at, in a batch that covers it, and its leaf is the root if nothing is
    /// beside it.
    function _committed(Step memory step, Leaf memory leaf) private view returns (uint256) {
        (uint64 designId, uint64 firstSerial, uint64 count) = _collection.batchOf(leaf.root);
        uint256 first = uint256(designId) << 64 | firstSerial;
        bytes32 inside = keccak256(abi.encode(leaf.tokenId, leaf.certificateDigest, leaf.claimKey));
        uint256 opened = leaf.proof.length == 0 ? _is(leaf.root == keccak256(bytes.concat(inside))) : 1;
        return _is(leaf.tokenId == step.tokenId) & _is(leaf.tokenId >= first)
            & _is(leaf.tokenId < first + count) & opened;
    }

    /// What the issuer put in the place of the leaf's key: zero for nothing, one for nobody's.
    function _replacedKeyOf(Leaf memory leaf) private view returns (uint256) {
        (address current, address next, uint40 changesAt) = _collection.claimKeyChangeOf(leaf.tokenId);
        uint256 changed = _is(changesAt != 0) & _is(block.timestamp >= changesAt);
        return _either(changed, uint160(next), uint160(current));
    }

    function _notPausedNorWithdrawn(Leaf memory leaf) private view returns (uint256) {
        return _is(block.timestamp > _collection.mintingPausedUntil()) & _is(_replacedKeyOf(leaf) != 1);
    }

    // ---- Moves

    function check_transferFrom(address from, address to, uint256 moved) external {
        Step memory step = _begin();
        _letTransfer(step, from, to, moved);
        _run(step, abi.encodeCall(_collection.transferFrom, (from, to, moved)));
    }

    function check_safeTransferFrom(address from, address to, uint256 moved) external {
        _safeTransferFrom(from, to, moved, abi.encodeWithSelector(bytes4(0x42842e0e), from, to, moved));
    }

    function check_safeTransferFrom_with_data(address from, address to, uint256 moved) external {
        bytes memory data = svm.createBytes(65, "data");
        _safeTransferFrom(from, to, moved, abi.encodeWithSelector(bytes4(0xb88d4fde), from, to, moved, data));
    }

    /// What a receiver finds when it is called is what stays: nothing is written after it.
    function _safeTransferFrom(address from, address to, uint256 moved, bytes memory call) private {
        Step memory step = _begin();
        Witness witness = new Witness(_collection, step.tokenId);
        _letTransfer(step, from, to, moved);
        _run(step, call);
        assert(_is(!witness.called()) | _is(witness.word() == _wordOf(step.tokenId)) != 0);
    }

    function _letTransfer(Step memory step, address from, address to, uint256 moved) private pure {
        uint256 authorised =
            _is(step.sender == step.owner) | step.operates | _is(uint160(step.sender) == step.approved);
        uint256 named = _is(moved == step.tokenId) & _is(from == step.owner);
        _let(step, Effect.Move, to, named & authorised & _notLost(step));
    }

    function check_give(uint256 given, address to) external {
        Step memory step = _begin();
        _let(step, Effect.Move, to, _byOwner(step, given) & _notLost(step));
        _run(step, abi.encodeCall(_collection.give, (given, to)));
    }

    function check_moveFor(address owner, uint256 moved, address to) external {
        Step memory step = _begin();
        uint256 companion = _is(step.sender == ESTATE) | _is(step.sender == RECOVERY);
        uint256 named = _is(moved == step.tokenId) & _is(owner == step.owner);
        _let(step, Effect.Move, to, companion & named);
        _run(step, abi.encodeCall(_collection.moveFor, (owner, moved, to)));
    }

    /// By the key that it is offered to, until the date.
    function check_take(uint256 taken, address to) external {
        Step memory step = _begin();
        Signed memory signed = _anySigned();
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Take(uint256 tokenId,address from,address to,uint256 until)"),
                step.tokenId,
                step.owner,
                to,
                step.until
            )
        );
        uint256 offered = _is(step.word & OFFERED != 0) & _is(block.timestamp <= step.until);
        uint256 mayTake = _is(taken == step.tokenId) & offered & _byKey(step.key, structHash, signed);
        _let(step, Effect.Move, to, mayTake & _notLost(step));
        _run(step, abi.encodeCall(_collection.take, (taken, to, signed.bytes65)));
    }

    function _byOwner(Step memory step, uint256 tokenId) internal pure returns (uint256) {
        return _is(tokenId == step.tokenId) & _is(step.sender == step.owner);
    }

    // ---- Burns

    function check_burn(uint256 burned) external {
        Step memory step = _begin();
        _let(step, Effect.Burn, address(0), _byOwner(step, burned) & _notLost(step));
        _run(step, abi.encodeCall(_collection.burn, (burned)));
    }

    /// The owner chooses the piece.
    function check_choose(uint256 chosen, uint8 kept) external {
        Step memory step = _begin();
        uint256 mayChoose = _byOwner(step, chosen) & _mayChoose(step, kept);
        _let(step, Effect.Burn, address(0), mayChoose);
        _run(step, abi.encodeCall(_collection.choose, (chosen, kept)));
    }

    /// Nobody chose in time, and the terms say the piece.
    function check_settle(uint256 settled) external {
        Step memory step = _begin();
        (uint256 chooseBy, uint256 byDefault) = _choiceOf(step.tokenId);
        uint256 due = _is(chooseBy != 0) & _is(block.timestamp > chooseBy) & _is(byDefault == 1);
        uint256 open = _is(step.word & (CHOOSING | KEPT | RECOVERING) == 0) & _notLost(step);
        _let(step, Effect.Burn, address(0), _is(settled == step.tokenId) & due & open);
        _run(step, abi.encodeCall(_collection.settle, (settled)));
    }

    // ---- Leave to act: approvals and offers

    function check_approve(address to, uint256 approved) external {
        Step memory step = _begin();
        uint256 authorised = _is(step.sender == step.owner) | step.operates;
        _let(step, Effect.Approve, to, _is(approved == step.tokenId) & authorised);
        _run(step, abi.encodeCall(_collection.approve, (to, approved)));
    }

    function check_setApprovalForAll(address operator, bool approved) external {
        Step memory step = _begin();
        uint256 named = _is(operator == step.operator) & _is(step.sender == step.account);
        _let(step, Effect.Operate, operator, named);
        _run(step, abi.encodeCall(_collection.setApprovalForAll, (operator, approved)));
    }

    function check_offer(uint256 offered, address key, uint64 until) external {
        Step memory step = _begin();
        _let(step, Effect.Offer, key, _byOwner(step, offered) & _notLost(step));
        _run(step, abi.encodeCall(_collection.offer, (offered, key, until)));
    }

    // ---- Everything else

    function check_acceptRevision(uint256 tokenId, bytes32 digest) external {
        _idle(abi.encodeCall(_collection.acceptRevision, (tokenId, digest)));
    }

    function check_askClearLost(uint256 tokenId) external {
        _idle(abi.encodeCall(_collection.askClearLost, (tokenId)));
    }

    function check_attestRetired(uint256 tokenId, bytes32 evidence) external {
        _idle(abi.encodeCall(_collection.attestRetired, (tokenId, evidence)));
    }

    function check_cancelNonce(uint256 nonce) external {
        _idle(abi.encodeCall(_collection.cancelNonce, (nonce)));
    }

    function check_changeFor(address owner, uint256 tokenId, uint256 cleared, uint256 set) external {
        _idle(abi.encodeCall(_collection.changeFor, (owner, tokenId, cleared, set)));
    }

    function check_clearLost(uint256 tokenId) external {
        _idle(abi.encodeCall(_collection.clearLost, (tokenId)));
    }

    function check_commitBatch() external {
        _idle(abi.encodeCall(_collection.commitBatch, (_anyBatch())));
    }

    function check_commitBatchBySignature(uint256 deadline) external {
        bytes memory signature = svm.createBytes(65, "signature");
        _idle(abi.encodeCall(_collection.commitBatchBySignature, (_anyBatch(), deadline, signature)));
    }

    function _anyBatch() private pure returns (IWearableCollection.Batch memory) {
        return IWearableCollection.Batch(
            uint64(svm.createUint256("designId")),
            uint64(svm.createUint256("firstSerial")),
            uint64(svm.createUint256("count")),
            uint64(svm.createUint256("edition")),
            svm.createUint256("terms"),
            svm.createBytes32("designDigest"),
            svm.createBytes32("root")
        );
    }

    function check_initialize(uint64 issuerId, address minter) external {
        string memory text = _shortTexts();
        _idle(abi.encodeCall(_collection.initialize, (issuerId, text, text, text, minter)));
    }

    function check_markLost(uint256 tokenId) external {
        _idle(abi.encodeCall(_collection.markLost, (tokenId)));
    }

    function check_pauseMinting(uint40 until) external {
        _idle(abi.encodeCall(_collection.pauseMinting, (until)));
    }

    function check_proposeRevision(uint64 designId, bytes32 digest, bool proposed) external {
        _idle(abi.encodeCall(_collection.proposeRevision, (designId, digest, proposed)));
    }

    function check_replaceClaimKey(uint256 tokenId, address newKey) external {
        _idle(abi.encodeCall(_collection.replaceClaimKey, (tokenId, newKey)));
    }

    function check_replaceClaimKeyNow() external {
        _replaceClaimKeyNow(0);
    }

    function check_replaceClaimKeyNow_with_siblings() external {
        _replaceClaimKeyNow(2);
    }

    function _replaceClaimKeyNow(uint256 siblings) private {
        Leaf memory leaf = _anyLeaf(siblings);
        _idle(
            abi.encodeCall(
                _collection.replaceClaimKeyNow,
                (
                    leaf.root,
                    leaf.tokenId,
                    leaf.certificateDigest,
                    svm.createAddress("claimKey"),
                    leaf.to,
                    svm.createUint256("deadline"),
                    leaf.proof,
                    svm.createBytes(65, "signature")
                )
            )
        );
    }

    function check_revoke(uint256 tokenId, uint16 reason) external {
        _idle(abi.encodeCall(_collection.revoke, (tokenId, reason)));
    }

    function check_setBaseUri() external {
        _idle(abi.encodeCall(_collection.setBaseUri, (_shortTexts())));
    }

    /// Any text of 31 bytes, where one of at most 31 stood before: longer ones are loops that halmos cannot unroll.
    function _shortTexts() private view returns (string memory) {
        for (uint256 slot = 9; slot < 12; ++slot) {
            vm.assume(_load(bytes32(slot)) & 1 == 0);
        }
        return string(svm.createBytes(31, "text"));
    }

    function check_setCustodian(uint64 designId, address custodian) external {
        _idle(abi.encodeCall(_collection.setCustodian, (designId, custodian)));
    }

    function check_setMinter(address minter, bool allowed) external {
        _idle(abi.encodeCall(_collection.setMinter, (minter, allowed)));
    }

    function check_setPauser(address pauser, bool allowed) external {
        _idle(abi.encodeCall(_collection.setPauser, (pauser, allowed)));
    }

    function check_setRoyalty(address receiver, uint96 basisPoints) external {
        _idle(abi.encodeCall(_collection.setRoyalty, (receiver, basisPoints)));
    }

    function check_setUser(uint256 tokenId, address user, uint64 expires) external {
        _idle(abi.encodeCall(_collection.setUser, (tokenId, user, expires)));
    }

    function check_stateLicence(uint64 designId, bytes32 digest) external {
        _idle(abi.encodeCall(_collection.stateLicence, (designId, digest)));
    }

    function check_withdrawSerial(uint256 tokenId) external {
        _idle(abi.encodeCall(_collection.withdrawSerial, (tokenId)));
    }
}
