// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CollectionChecks} from "./CollectionChecks.sol";
import {SignedChecks} from "./SignedChecks.sol";
import {Steps} from "./Steps.sol";

/// @title What must hold after every call
abstract contract Proved is Steps {
    /// In what halmos shows of a call that breaks a statement: 0 for that statement, 1 for those that hold.
    event Checked(uint256 mintedOnce, uint256 moved, uint256 allowed, uint256 valid);

    function _conclude(Step memory step) internal override {
        uint256 word = _wordOf(step.tokenId);
        uint256 approved = _approvedOf(step.tokenId);
        uint256 once = _mintedOnce(step, word);
        uint256 authorised = _moved(step, word, approved);
        uint256 allowed = _allowed(step, word, approved);
        uint256 valid = _valid(word, approved);
        if (once & authorised & allowed & valid == 0) {
            emit Checked(once, authorised, allowed, valid);
            // One question to the solver for each path.
            assert(false);
        }
    }

    /// What was never minted stays so, or is minted to whom the call may mint it, and nothing else is true of it. What
    /// is burned stays exactly as it is. So a serial is minted once, ever.
    function _mintedOnce(Step memory step, uint256 word) private pure returns (uint256) {
        uint256 minted = _may(step, Effect.Mint) & _to(step, word) & _is(word & OWNER == word);
        uint256 begins = _is(step.word != 0) | _is(word == 0) | minted;
        return begins & (_is(step.word & BURNED == 0) | _is(word == step.word));
    }

    /// What is owned stays its owner's, or is moved or burned as the call may.
    function _moved(Step memory step, uint256 word, uint256 approved) private pure returns (uint256) {
        uint256 stays = _is(word & OWNER == uint160(step.owner)) & _is(word & BURNED == 0);
        uint256 moved = _may(step, Effect.Move) & _to(step, word) & _is(word & (BURNED | LOST) == 0);
        uint256 burned = _may(step, Effect.Burn) & _is(word & (BURNED | LOST | OWNER) == BURNED);
        return (1 ^ _owned(step)) | stays | ((moved | burned) & _is(approved == 0));
    }

    /// Whoever is approved, for one or all, and whoever may take, has it from whom the call lets give it.
    function _allowed(Step memory step, uint256 word, uint256 approved) private view returns (uint256) {
        uint256 approves = _may(step, Effect.Approve) & _is(approved == uint160(step.to));
        uint256 one = _is(approved == 0) | _is(approved == step.approved) | approves;

        (address key, uint256 until) = _offerOf(step.tokenId);
        uint256 same = _is(step.word & OFFERED != 0) & _is(key == step.key) & _is(until == step.until);
        uint256 offers = _may(step, Effect.Offer) & _is(key == step.to);
        uint256 offered = _is(word & OFFERED == 0) | same | offers;

        uint256 operating = _operates(step.account, step.operator);
        return one & offered & (_is(operating == step.operating) | _may(step, Effect.Operate));
    }

    function _to(Step memory step, uint256 word) private pure returns (uint256) {
        return _is(word & OWNER == uint160(step.to)) & _is(step.to != address(0));
    }
}

/// @title That every call does what it may: here halmos must find an example for each
/// @dev Without it, a check in which nothing ever succeeds would look like a proof.
abstract contract Possible is Steps {
    function _conclude(Step memory step) internal view override {
        uint256 word = _wordOf(step.tokenId);
        uint256 owner = word & OWNER;
        if (step.effect == Effect.Mint) {
            assert(step.word != 0 || owner == 0);
        } else if (step.effect == Effect.Move) {
            assert(_owned(step) == 0 || owner == 0 || owner == uint160(step.owner));
        } else if (step.effect == Effect.Burn) {
            assert(_owned(step) == 0 || word & BURNED == 0);
        } else if (step.effect == Effect.Approve) {
            assert(_approvedOf(step.tokenId) == step.approved);
        } else if (step.effect == Effect.Offer) {
            assert(step.word & OFFERED != 0 || word & OFFERED == 0);
        } else if (step.effect == Effect.Operate) {
            assert(_operates(step.account, step.operator) == step.operating);
        } else {
            assert(false);
        }
    }
}

contract CollectionProofs is CollectionChecks, Proved {}

contract CollectionExamples is CollectionChecks, Possible {}

contract SignedProofs is SignedChecks, Proved {
    /// No other act is known.
    function check_actBySignature_refuses_other_acts(bytes4 selector) external {
        vm.assume(_isAct(selector) == 0);
        Signed memory signed = _anySigned();
        bytes memory act = abi.encodePacked(selector, svm.createBytes(64, "arguments"));
        Step memory step = _begin();
        vm.prank(step.sender);
        (bool done,) = address(_collection)
            .call(
                abi.encodeCall(
                    _collection.actBySignature, (act, signed.nonce, signed.deadline, signed.bytes65)
                )
            );
        assert(!done);
    }

    function _isAct(bytes4 selector) private view returns (uint256) {
        uint256 moves = _is(selector == _collection.give.selector)
            | _is(selector == _collection.burn.selector) | _is(selector == _collection.choose.selector)
            | _is(selector == _collection.offer.selector);
        return moves | _is(selector == _collection.setUser.selector)
            | _is(selector == _collection.markLost.selector)
            | _is(selector == _collection.askClearLost.selector)
            | _is(selector == _collection.acceptRevision.selector);
    }
}

contract SignedExamples is SignedChecks, Possible {}
