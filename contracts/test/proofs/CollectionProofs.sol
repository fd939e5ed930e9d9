// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {LogAnchor} from "../../src/LogAnchor.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {Vm} from "../support/Vm.sol";
import {Svm} from "./Svm.sol";

/// @title What halmos proves of a collection: a serial is minted at most once, and only those move it who may
/// @dev Each check is one step: from any storage that meets the assumptions, through any one call by anybody with
/// any arguments, to storage that meets them again. So what holds at first, when storage is empty, holds after
/// any number of calls. The collection is the real one, with the real registry; the storage of both is
/// arbitrary. What is assumed beside that stands in contracts/README.md.
contract CollectionProofs {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm private constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    uint256 private constant OWNER = type(uint160).max;
    uint256 private constant BURNED = 1 << 200;
    uint256 private constant LOST = 1 << 201;
    uint256 private constant OFFERED = 1 << 205;

    /// Stand for Estate and Recovery: two accounts that may do whatever they like.
    address private constant _ESTATE = address(0xe57a7e);
    address private constant _RECOVERY = address(0x2ec0);

    WearableCollection private _collection;

    function setUp() public {
        IssuerRegistry registry = new IssuerRegistry(new LogAnchor());
        _collection = new WearableCollection(registry, _ESTATE, _RECOVERY);
        svm.enableSymbolicStorage(address(registry));
        svm.enableSymbolicStorage(address(_collection));
    }

    // ---- A serial is minted at most once: 0 → owned → … → burned, and no way back

    /// What was never minted stays so, or is minted by one of the three functions that open a leaf.
    function check_what_was_never_minted(uint256 tokenId, address sender) external {
        vm.assume(_wordOf(tokenId) == 0 && _approvedOf(tokenId) == 0);
        bytes4 selector = _callAnything(sender);
        uint256 word = _wordOf(tokenId);
        if (word != 0) {
            assert(
                selector == IWearableCollection.claim.selector
                    || selector == IWearableCollection.mint.selector
                    || selector == IWearableCollection.mintByVoucher.selector
            );
            // Somebody's, and nothing else is true of it.
            assert(word & OWNER == word);
        }
        assert(_approvedOf(tokenId) == 0 || word != 0);
    }

    /// What is burned stays exactly as it is.
    function check_what_is_burned(uint256 tokenId, uint256 word, address sender) external {
        vm.assume(word & (BURNED | LOST | OWNER) == BURNED);
        vm.assume(_wordOf(tokenId) == word && _approvedOf(tokenId) == 0);
        _callAnything(sender);
        assert(_wordOf(tokenId) == word && _approvedOf(tokenId) == 0);
    }

    /// What is owned stays owned by the same account; or it is burned, by its owner or by settling a choice
    /// that the terms decide; or it is moved, by its owner or whom the owner approved, or by Estate or Recovery.
    /// What is lost is burned by nobody, and moved by these two alone.
    function check_what_is_owned(uint256 tokenId, uint256 word, address sender) external {
        vm.assume(word & OWNER != 0 && word & BURNED == 0);
        vm.assume(_wordOf(tokenId) == word);
        address owner = address(uint160(word));
        address approved = address(uint160(_approvedOf(tokenId)));
        bool operates = _collection.isApprovedForAll(owner, sender);
        bytes4 selector = _callAnything(sender);
        vm.assume(selector != IWearableRights.take.selector); // has a check of its own
        uint256 afterwards = _wordOf(tokenId);
        if (afterwards & OWNER == 0) {
            assert(word & LOST == 0 && (sender == owner || selector == IWearableRights.settle.selector));
            assert(afterwards & (BURNED | LOST) == BURNED && _approvedOf(tokenId) == 0);
        } else if (afterwards & OWNER != uint160(owner)) {
            bool companion =
                selector == IWearableRights.moveFor.selector && (sender == _ESTATE || sender == _RECOVERY);
            assert(companion || (word & LOST == 0 && (sender == owner || sender == approved || operates)));
            assert(afterwards & (BURNED | LOST) == 0 && _approvedOf(tokenId) == 0);
        } else {
            assert(afterwards & BURNED == 0);
        }
    }

    // ---- What signatures move

    /// Only who has the key that it is offered to, until the date, takes what is offered and not lost.
    function check_take(uint256 tokenId, uint256 taken, uint256 word, address to) external {
        vm.assume(word & OWNER != 0 && word & BURNED == 0 && _wordOf(tokenId) == word);
        (address key, uint40 until,) = _collection.begunOf(tokenId);
        Signed memory signed = _anySigned();
        bytes memory signature = abi.encodePacked(signed.r, signed.s, signed.v);
        bytes memory call = abi.encodeCall(IWearableRights.take, (taken, to, signature));
        vm.assume(_call(svm.createAddress("sender"), call));
        uint256 afterwards = _wordOf(tokenId);
        if (afterwards == word) return;
        bytes32 typeHash = keccak256("Take(uint256 tokenId,address from,address to,uint256 until)");
        bytes32 hash = _typed(keccak256(abi.encode(typeHash, tokenId, address(uint160(word)), to, until)));
        assert(taken == tokenId && word & OFFERED != 0 && word & LOST == 0 && block.timestamp <= until);
        assert(ecrecover(hash, signed.v, signed.r, signed.s) == key && key != address(0));
        assert(afterwards & OWNER == uint160(to));
    }

    /// A gift or a burn by signature is its owner's: it signed exactly that.
    function check_give_by_signature(uint256 tokenId, uint256 word, address to) external {
        bytes memory arguments = abi.encode(svm.createUint256("given"), to);
        bytes32 typeHash = keccak256("Give(uint256 tokenId,address to,uint256 nonce,uint256 deadline)");
        if (_actBySignature(tokenId, word, IWearableRights.give.selector, typeHash, arguments)) {
            assert(_wordOf(tokenId) & OWNER == uint160(to));
        }
    }

    function check_burn_by_signature(uint256 tokenId, uint256 word) external {
        bytes memory arguments = abi.encode(svm.createUint256("burned"));
        bytes32 typeHash = keccak256("Burn(uint256 tokenId,uint256 nonce,uint256 deadline)");
        if (_actBySignature(tokenId, word, IWearableRights.burn.selector, typeHash, arguments)) {
            assert(_wordOf(tokenId) & (OWNER | BURNED) == BURNED);
        }
    }

    /// So is a choice of the piece, which burns.
    function check_choice_by_signature(uint256 tokenId, uint256 word, uint8 kept) external {
        bytes memory arguments = abi.encode(svm.createUint256("chosen"), kept);
        bytes32 typeHash = keccak256("Choose(uint256 tokenId,uint8 kept,uint256 nonce,uint256 deadline)");
        if (_actBySignature(tokenId, word, IWearableRights.choose.selector, typeHash, arguments)) {
            assert(kept == 1 && _wordOf(tokenId) & (OWNER | BURNED) == BURNED);
        }
    }

    /// No other act by signature moves or burns anything.
    function check_other_acts_by_signature(uint256 tokenId, uint256 word, bytes4 selector) external {
        vm.assume(
            selector != IWearableRights.give.selector && selector != IWearableRights.burn.selector
                && selector != IWearableRights.choose.selector
        );
        bytes memory arguments =
            abi.encode(svm.createUint256("token"), svm.createUint256("a"), svm.createUint256("b"));
        assert(!_actBySignature(tokenId, word, selector, 0, arguments));
    }

    /// Whether that moved or burned `tokenId`; if so, its owner signed it, with a nonce that was not used.
    function _actBySignature(
        uint256 tokenId,
        uint256 word,
        bytes4 selector,
        bytes32 typeHash,
        bytes memory arguments
    ) private returns (bool) {
        vm.assume(word & OWNER != 0 && word & BURNED == 0 && _wordOf(tokenId) == word);
        address owner = address(uint160(word));
        vm.assume(owner.code.length == 0);
        Signed memory signed = _anySigned();
        bool used = _collection.isNonceUsed(owner, signed.nonce);
        vm.assume(_call(svm.createAddress("sender"), _actCall(selector, arguments, signed)));
        if (_wordOf(tokenId) & OWNER == uint160(owner)) return false;
        if (typeHash != 0) {
            assert(_signerOf(typeHash, arguments, signed) == owner);
            assert(abi.decode(arguments, (uint256)) == tokenId);
        }
        assert(!used && _collection.isNonceUsed(owner, signed.nonce));
        assert(block.timestamp <= signed.deadline && word & LOST == 0);
        return true;
    }

    struct Signed {
        uint256 nonce;
        uint256 deadline;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    function _anySigned() private pure returns (Signed memory) {
        return Signed(
            svm.createUint256("nonce"),
            svm.createUint256("deadline"),
            svm.createBytes32("r"),
            svm.createBytes32("s"),
            uint8(svm.createUint256("v"))
        );
    }

    function _actCall(bytes4 selector, bytes memory arguments, Signed memory signed)
        private
        pure
        returns (bytes memory)
    {
        bytes memory signature = abi.encodePacked(signed.r, signed.s, signed.v);
        return abi.encodeCall(
            IWearableRights.actBySignature,
            (bytes.concat(selector, arguments), signed.nonce, signed.deadline, signature)
        );
    }

    function _signerOf(bytes32 typeHash, bytes memory arguments, Signed memory signed)
        private
        view
        returns (address)
    {
        bytes32 hash = _typed(
            keccak256(bytes.concat(typeHash, arguments, abi.encode(signed.nonce, signed.deadline)))
        );
        return ecrecover(hash, signed.v, signed.r, signed.s);
    }

    // ---- Steps

    /// Any function that is not a view, with any arguments, by anybody; other than actBySignature, which has
    /// checks of its own, and than the two that write text, which halmos cannot unroll.
    function _callAnything(address sender) private returns (bytes4 selector) {
        // Nobody sends from there, and so nobody ever approved anything from there.
        vm.assume(sender != address(0) && !_collection.isApprovedForAll(address(0), sender));
        bytes memory data = svm.createCalldata("WearableCollection");
        selector = bytes4(data);
        vm.assume(
            selector != IWearableCollection.initialize.selector
                && selector != IWearableCollection.setBaseUri.selector
                && selector != IWearableRights.actBySignature.selector
        );
        vm.assume(_call(sender, data));
    }

    function _call(address sender, bytes memory data) private returns (bool done) {
        vm.prank(sender);
        (done,) = address(_collection).call(data);
    }

    /// Slot 2 and slot 4, see contracts/README.md.
    function _wordOf(uint256 tokenId) private view returns (uint256) {
        return uint256(vm.load(address(_collection), keccak256(abi.encode(tokenId, 2))));
    }

    function _approvedOf(uint256 tokenId) private view returns (uint256) {
        return uint256(vm.load(address(_collection), keccak256(abi.encode(tokenId, 4))));
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
