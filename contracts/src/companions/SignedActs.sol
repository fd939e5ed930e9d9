// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ISignedActs} from "../../interfaces/ISignedActs.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";

/// @title Acts by signature, and people who agree
abstract contract SignedActs is ISignedActs, IERC5267 {
    uint256 internal constant MOST_MEMBERS = 16;
    /// After the first of a council said it.
    uint256 internal constant LAPSES_AFTER = 30 days;

    /// Slot 0: account => nonce / 256 => which of these 256 nonces are used.
    mapping(address => mapping(uint256 => uint256)) private _usedNonces;
    /// Slot 1: key of a decision => who is for it, a bit each (0–15), and since when (16–55).
    mapping(bytes32 => uint256) private _agreed;

    /// @inheritdoc ISignedActs
    function actBySignature(
        address account,
        bytes calldata act,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        require(block.timestamp <= deadline, DeadlinePassed(deadline));
        bytes4 selector = bytes4(act);
        require(act.length >= 4, NotAnAct(selector));
        (bytes32 typeHash, bytes memory words) = _typed(selector, act[4:]);
        bytes32 hash = VestiaryTypes.act(typeHash, words, account, nonce, deadline);
        require(SignatureChecker.isValidSignatureNowCalldata(account, hash, signature), BadSignature());
        _useNonce(account, nonce);
        _do(account, selector, act[4:]);
    }

    /// @inheritdoc ISignedActs
    function cancelNonce(uint256 nonce) external {
        _useNonce(msg.sender, nonce);
    }

    /// @inheritdoc ISignedActs
    function isNonceUsed(address account, uint256 nonce) external view returns (bool) {
        return _usedNonces[account][nonce >> 8] & 1 << (nonce & 255) != 0;
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (
            hex"0f", // name, version, chain id, contract
            VestiaryTypes.NAME,
            VestiaryTypes.VERSION,
            block.chainid,
            address(this),
            0,
            new uint256[](0)
        );
    }

    /// The type of an act and its arguments as EIP-712 encodes them; reverts with NotAnAct for others.
    function _typed(bytes4 selector, bytes calldata arguments)
        internal
        pure
        virtual
        returns (bytes32 typeHash, bytes memory words);

    /// Does the act that `_typed` knows, in the name of `account`.
    function _do(address account, bytes4 selector, bytes calldata arguments) internal virtual;

    /// Up to 16 accounts, different from one another, from zero and from the owner.
    function _checkCouncil(address owner, address[] memory members, uint256 threshold) internal pure {
        require(
            members.length <= MOST_MEMBERS && threshold != 0 && threshold <= members.length
                && _areDistinct(owner, members),
            BadCouncil()
        );
    }

    function _areDistinct(address owner, address[] memory accounts) internal pure returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == address(0) || accounts[i] == owner) return false;
            for (uint256 j = 0; j < i; ++j) {
                if (accounts[i] == accounts[j]) return false;
            }
        }
        return true;
    }

    /// `member` is for the decision `key`. True when the threshold is, and then all they said is spent. The
    /// key names the council, so that a bit means the same member each time.
    function _agree(
        bytes32 key,
        address[] storage members,
        uint256 threshold,
        address member,
        uint256 lapsesAfter
    ) internal returns (bool) {
        uint256 index;
        uint256 count = members.length;
        while (index < count && members[index] != member) {
            ++index;
        }
        require(index < count, NotInCouncil(member));
        uint256 agreed = _agreed[key];
        if (block.timestamp > (agreed >> MOST_MEMBERS) + lapsesAfter) {
            agreed = block.timestamp << MOST_MEMBERS;
        }
        agreed |= 1 << index;
        uint256 voices;
        for (uint256 i = 0; i < count; ++i) {
            voices += agreed >> i & 1;
        }
        bool decided = voices >= threshold;
        _agreed[key] = decided ? 0 : agreed;
        return decided;
    }

    function _useNonce(address account, uint256 nonce) private {
        uint256 used = _usedNonces[account][nonce >> 8];
        uint256 bit = 1 << (nonce & 255);
        require(used & bit == 0, NonceAlreadyUsed(account, nonce));
        _usedNonces[account][nonce >> 8] = used | bit;
        emit NonceUsed(account, nonce);
    }
}
