// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Steps} from "./Steps.sol";

/// @title Each act by its owner's signature, and what it may change
/// @dev The owner has a key, or is a wallet that answers anything.
abstract contract SignedChecks is Steps {
    function check_actBySignature_give(uint256 given, address to) external {
        bytes memory act = abi.encodeCall(_collection.give, (given, to));
        _act(
            Effect.Move,
            to,
            given,
            "Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)",
            act
        );
    }

    function check_actBySignature_burn(uint256 burned) external {
        bytes memory act = abi.encodeCall(_collection.burn, (burned));
        _act(
            Effect.Burn,
            address(0),
            burned,
            "Burn(uint256 tokenId,address account,uint256 nonce,uint256 deadline)",
            act
        );
    }

    /// Of the piece, which burns.
    function check_actBySignature_choose(uint256 chosen, uint8 kept) external {
        bytes memory act = abi.encodeCall(_collection.choose, (chosen, kept));
        string memory text =
            "Choose(uint256 tokenId,uint8 kept,address account,uint256 nonce,uint256 deadline)";
        _act(Effect.Burn, address(0), chosen, text, act);
    }

    function check_actBySignature_offer(uint256 offered, address key, uint64 until) external {
        bytes memory act = abi.encodeCall(_collection.offer, (offered, key, until));
        string memory text =
            "Offer(uint256 tokenId,address key,uint64 until,address account,uint256 nonce,uint256 deadline)";
        _act(Effect.Offer, key, offered, text, act);
    }

    function check_actBySignature_setUser(uint256 lent, address user, uint64 expires) external {
        bytes memory act = abi.encodeCall(_collection.setUser, (lent, user, expires));
        _act(Effect.Nothing, address(0), lent, "", act);
    }

    function check_actBySignature_markLost(uint256 lost) external {
        bytes memory act = abi.encodeCall(_collection.markLost, (lost));
        _act(Effect.Nothing, address(0), lost, "", act);
    }

    function check_actBySignature_askClearLost(uint256 lost) external {
        bytes memory act = abi.encodeCall(_collection.askClearLost, (lost));
        _act(Effect.Nothing, address(0), lost, "", act);
    }

    function check_actBySignature_acceptRevision(uint256 revised, bytes32 digest) external {
        bytes memory act = abi.encodeCall(_collection.acceptRevision, (revised, digest));
        _act(Effect.Nothing, address(0), revised, "", act);
    }

    /// Exactly that was signed by the owner, with a nonce that was not used and is used then, in time.
    function _act(Effect effect, address to, uint256 tokenId, string memory text, bytes memory act) private {
        Step memory step = _begin();
        Signed memory signed = _anySigned();
        _assumeSigner(step.owner);
        uint256 used = _is(_collection.isNonceUsed(step.owner, signed.nonce));
        bytes32 structHash = keccak256(
            bytes.concat(
                keccak256(bytes(text)), _arguments(act), abi.encode(step.owner, signed.nonce, signed.deadline)
            )
        );
        uint256 mayAct = _byAccount(step.owner, structHash, signed) & (1 ^ used)
            & _is(block.timestamp <= signed.deadline) & _is(tokenId == step.tokenId);
        _let(step, effect, to, mayAct & _notLost(step) & _timely(step, act));
        _run(
            step,
            abi.encodeCall(_collection.actBySignature, (act, signed.nonce, signed.deadline, signed.bytes65))
        );
        uint256 spent = _is(_collection.isNonceUsed(step.owner, signed.nonce));
        assert(_is(tokenId != step.tokenId) | spent != 0);
    }

    /// What follows the selector.
    function _arguments(bytes memory act) private pure returns (bytes memory arguments) {
        arguments = new bytes(act.length - 4);
        assembly ("memory-safe") {
            mcopy(add(arguments, 32), add(act, 36), mload(arguments))
        }
    }

    /// A choice has its own conditions.
    function _timely(Step memory step, bytes memory act) private view returns (uint256) {
        if (bytes4(act) != _collection.choose.selector) return 1;
        (, uint8 kept) = abi.decode(_arguments(act), (uint256, uint8));
        return _mayChoose(step, kept);
    }
}
