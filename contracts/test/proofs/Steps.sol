// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/interfaces/IERC721Receiver.sol";

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../../src/IERC4907.sol";
import {Vm} from "../support/Vm.sol";
import {Svm} from "./Svm.sol";

/// @title Every function of a collection that is called here
interface ICollection is IWearableCollection, IWearableRights, IERC4907, IERC721 {}

/// @title A wallet that answers anything: whether it agrees is arbitrary for each hash and signature
contract AnyWallet is IERC1271 {
    mapping(bytes32 => mapping(bytes32 => bool)) public agrees;

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return agrees[hash][keccak256(signature)] ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @title A receiver that remembers what the collection said of a token when it was called
contract Witness is IERC721Receiver {
    ICollection private _collection;
    uint256 private _watched;

    bool public called;
    uint256 public word;

    constructor(ICollection collection, uint256 watched) {
        _collection = collection;
        _watched = watched;
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        called = true;
        word = _collection.wordOf(_watched);
        return IERC721Receiver.onERC721Received.selector;
    }
}

/// @title One call to a collection, and what it may change
/// @dev From any storage that meets `_valid`, through one call of one function by anybody with any arguments, to
/// storage that meets it again: so what holds at first, when storage is empty, holds after any number of calls. The
/// collection is the real one with the real registry; the storage of both is arbitrary, and so is the time. What is
/// assumed beside that stands in contracts/README.md.
///
/// Conditions are computed as 0 or 1 and joined by & and |, since `&&` and `||` would have halmos walk every path of
/// the check itself.
abstract contract Steps {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    uint256 internal constant OWNER = type(uint160).max;
    uint256 internal constant BURNED = 1 << 200;
    uint256 internal constant LOST = 1 << 201;
    uint256 internal constant RECOVERING = 1 << 203;
    uint256 internal constant CHOOSING = 1 << 204;
    uint256 internal constant OFFERED = 1 << 205;
    uint256 internal constant KEPT = 1 << 207;

    /// Stand for Estate and Recovery: two accounts that may do whatever they like.
    address internal constant ESTATE = address(0xe57a7e);
    address internal constant RECOVERY = address(0x2ec0);

    /// The one thing that a function may do, of those that are looked for here.
    enum Effect {
        Nothing,
        Mint,
        Move,
        Burn,
        Approve,
        Offer,
        Operate
    }

    /// A token that is looked at and who sends, before the call.
    struct Step {
        uint256 tokenId;
        uint256 word;
        address owner;
        uint256 approved;
        /// Whom it is offered to, and until when.
        address key;
        uint256 until;
        address sender;
        /// Whether the sender may do what the owner approved for all.
        uint256 operates;
        /// Any two accounts, and whether the first lets the second operate.
        address account;
        address operator;
        uint256 operating;
        /// What the call may do, 1 if it may, to whom.
        Effect effect;
        uint256 may;
        address to;
    }

    ICollection internal _collection;
    AnyWallet internal _wallet;
    address private _registry;
    address private _anchor;

    function setUp() public {
        _anchor = _deploy("LogAnchor", "");
        _registry = _deploy("IssuerRegistry", abi.encode(_anchor));
        _collection = ICollection(_deploy("WearableCollection", abi.encode(_registry, ESTATE, RECOVERY)));
        _wallet = new AnyWallet();
        svm.enableSymbolicStorage(_registry);
        svm.enableSymbolicStorage(address(_collection));
        svm.enableSymbolicStorage(address(_wallet));
        // The constructor has written it.
        vm.store(address(_collection), bytes32(uint256(8)), svm.createBytes32("slot 8"));
    }

    /// From artifacts/, as it is deployed; scripts/halmos puts it where halmos reads it.
    function _deploy(string memory name, bytes memory arguments) private returns (address deployed) {
        bytes memory code = vm.getCode(string.concat("out/proofs/artifacts/", name, ".json"));
        code = bytes.concat(code, arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), "not deployed");
    }

    /// What must be true after the call; `_begin` and `_run` stand around it.
    function _conclude(Step memory step) internal virtual;

    function _begin() internal returns (Step memory step) {
        uint256 time = svm.createUint256("time");
        vm.assume(time != 0 && time < 1 << 40);
        vm.warp(time);

        step.tokenId = svm.createUint256("tokenId");
        step.word = _wordOf(step.tokenId);
        step.approved = _approvedOf(step.tokenId);
        step.owner = address(uint160(step.word));
        vm.assume(_valid(step.word, step.approved) != 0);
        (step.key, step.until) = _offerOf(step.tokenId);

        // Nobody sends from there, and so nobody ever approved anything from there.
        step.sender = svm.createAddress("sender");
        vm.assume(step.sender != address(0));
        vm.assume(_operates(address(0), step.sender) == 0);
        step.operates = _operates(step.owner, step.sender);
        step.account = svm.createAddress("account");
        step.operator = svm.createAddress("operator");
        step.operating = _operates(step.account, step.operator);
    }

    /// The call, and that it succeeded.
    function _run(Step memory step, bytes memory data) internal {
        vm.prank(step.sender);
        (bool done,) = address(_collection).call(data);
        vm.assume(done);
        _conclude(step);
    }

    /// A call that does none of the things that are looked for.
    function _idle(bytes memory data) internal {
        _run(_begin(), data);
    }

    function _let(Step memory step, Effect effect, address to, uint256 may) internal pure {
        step.effect = effect;
        step.to = to;
        step.may = may;
    }

    function _may(Step memory step, Effect effect) internal pure returns (uint256) {
        return step.effect == effect ? step.may : 0;
    }

    // ---- Reading

    /// Never minted; or burned; or owned. Nobody is approved for what nobody owns.
    function _valid(uint256 word, uint256 approved) internal pure returns (uint256) {
        uint256 none = _is(approved == 0);
        uint256 never = _is(word == 0) & none;
        uint256 burned = _is(word & (BURNED | LOST | OWNER) == BURNED) & none;
        uint256 owned = _is(word & OWNER != 0) & _is(word & BURNED == 0) & _is(approved >> 160 == 0);
        return never | burned | owned;
    }

    function _owned(Step memory step) internal pure returns (uint256) {
        return _is(step.word & OWNER != 0);
    }

    function _notLost(Step memory step) internal pure returns (uint256) {
        return _is(step.word & LOST == 0);
    }

    /// Whether it is open to choose the piece: bits 40–79 and 80–87 of the terms.
    function _mayChoose(Step memory step, uint8 kept) internal view returns (uint256) {
        (uint256 chooseBy,) = _choiceOf(step.tokenId);
        uint256 inTime = _is(chooseBy != 0) & _is(block.timestamp <= chooseBy);
        return inTime & _is(kept == 1) & _is(step.word & (CHOOSING | KEPT) == 0) & _notLost(step);
    }

    function _choiceOf(uint256 tokenId) internal view returns (uint256 chooseBy, uint256 byDefault) {
        uint256 terms = _collection.designOf(uint64(tokenId >> 64)).terms;
        return (uint40(terms >> 40), uint8(terms >> 80));
    }

    /// Slot 2, see contracts/README.md.
    function _wordOf(uint256 tokenId) internal view returns (uint256) {
        return _load(_key(tokenId, 2));
    }

    /// Slot 4.
    function _approvedOf(uint256 tokenId) internal view returns (uint256) {
        return _load(_key(tokenId, 4));
    }

    /// Slot 5.
    function _operates(address owner, address operator) internal view returns (uint256) {
        uint256 word = _load(_key(uint160(operator), uint256(_key(uint160(owner), 5))));
        return _is(word & 255 != 0);
    }

    /// Slot 17.
    function _offerOf(uint256 tokenId) internal view returns (address key, uint256 until) {
        uint256 word = _load(_key(tokenId, 17));
        return (address(uint160(word)), uint40(word >> 160));
    }

    function _load(bytes32 slot) internal view returns (uint256) {
        return uint256(vm.load(address(_collection), slot));
    }

    function _key(uint256 key, uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, slot));
    }

    /// 1 or 0, without a path for each.
    function _is(bool condition) internal pure returns (uint256 bit) {
        assembly ("memory-safe") {
            bit := condition
        }
    }

    /// The first if `condition` is 1, the second if it is 0.
    function _either(uint256 condition, uint256 first, uint256 second) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := xor(second, and(xor(first, second), sub(0, condition)))
        }
    }

    // ---- Signing

    struct Signed {
        uint256 nonce;
        uint256 deadline;
        bytes32 r;
        bytes32 s;
        uint8 v;
        /// All of it: r ‖ s ‖ v.
        bytes bytes65;
    }

    function _anySigned() internal pure returns (Signed memory signed) {
        signed.nonce = svm.createUint256("nonce");
        signed.deadline = svm.createUint256("deadline");
        signed.r = svm.createBytes32("r");
        signed.s = svm.createBytes32("s");
        signed.v = uint8(svm.createUint256("v"));
        signed.bytes65 = abi.encodePacked(signed.r, signed.s, signed.v);
    }

    /// Whether the key, which is never asked, signed that.
    function _byKey(address key, bytes32 structHash, Signed memory signed) internal view returns (uint256) {
        address signer = ecrecover(_typed(structHash), signed.v, signed.r, signed.s);
        return _is(signer == key) & _is(signer != address(0));
    }

    /// The account has no code, or is the wallet.
    function _assumeSigner(address account) internal view {
        uint256 known = _is(account == address(_collection)) | _is(account == _registry)
            | _is(account == _anchor) | _is(account == address(this));
        vm.assume(known == 0);
    }

    /// Whether the account did: a key, or the wallet, which agrees to it.
    function _byAccount(address account, bytes32 structHash, Signed memory signed)
        internal
        view
        returns (uint256)
    {
        uint256 isWallet = _is(account == address(_wallet));
        uint256 agrees = _is(_wallet.agrees(_typed(structHash), keccak256(signed.bytes65)));
        return (isWallet & agrees) | ((1 ^ isWallet) & _byKey(account, structHash, signed));
    }

    function _typed(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Vestiary"),
                keccak256("1"),
                block.chainid,
                address(_collection)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
