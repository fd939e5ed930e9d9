// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title An ERC-1271 account that signs everything, and does something else while it is asked
contract ReentrantAccount {
    address private _target;
    bytes private _call;

    function onAsked(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool done,) = _target.call{gas: 1_000_000}(_call);
        done; // it would like to
        return this.isValidSignature.selector;
    }
}

/// @title An account that answers whatever it is asked with bytes of its choice
contract TalkativeAccount {
    bytes private _answer;
    uint256 private _length;
    bool private _reverts;

    /// The answer, with zeros up to its length.
    function setAnswer(bytes calldata answer, uint256 length, bool reverts) external {
        (_answer, _length, _reverts) = (answer, length, reverts);
    }

    fallback() external {
        bytes memory answer = _answer;
        uint256 length = _length;
        bool reverts = _reverts;
        assembly {
            if reverts { revert(add(answer, 32), length) }
            return(add(answer, 32), length)
        }
    }
}

/// @title No clone of any factory: says of itself what it likes, and calls others while it is called
contract HostileCollection {
    address private immutable _LIAR;
    address private immutable _OWNER;
    uint256 private _flags;
    address[] private _targets;
    bytes[] private _calls;
    uint256 public tried;
    uint256 public succeeded;

    constructor(address liar, address owner) {
        (_LIAR, _OWNER) = (liar, owner);
    }

    function onMoving(address target, bytes calldata call) external {
        _targets.push(target);
        _calls.push(call);
    }

    function moveFor(address, uint256, address) external {
        _flags = 0;
        for (uint256 i = 0; i < _calls.length; ++i) {
            (bool done,) = _targets[i].call(_calls[i]);
            ++tried;
            if (done) ++succeeded;
        }
    }

    function changeFor(address, uint256, uint256 cleared, uint256 set) external {
        _flags = (_flags & ~cleared) | set;
    }

    function wordOf(uint256) external view returns (uint256) {
        return uint256(uint160(_OWNER)) | _flags;
    }

    function issuerId() external pure returns (uint64) {
        return 1;
    }

    function registry() external view returns (address) {
        return address(this);
    }

    function accountOf(uint64) external view returns (address) {
        return _LIAR;
    }

    function estate() external view returns (address) {
        return address(this);
    }

    function estateOf(address) external pure returns (address, uint40) {
        return (address(0), 0);
    }

    function designOf(uint64) external pure returns (uint64, uint64, uint256, bytes32) {
        return (0, 1, type(uint40).max, "design");
    }
}
