// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IERC4907} from "../src/IERC4907.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {WearableCollection} from "../src/WearableCollection.sol";
import {ContractAccount} from "./support/ContractAccount.sol";
import {World} from "./support/World.sol";

/// @title Every owner's act by signature, and what somebody would try with one
contract OwnerSignaturesTest is World {
    string private constant GIVE =
        "Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)";
    string private constant BURN = "Burn(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
    string private constant SET_USER =
        "SetUser(uint256 tokenId,address user,uint64 expires,address account,uint256 nonce,uint256 deadline)";
    string private constant OFFER =
        "Offer(uint256 tokenId,address key,uint64 until,address account,uint256 nonce,uint256 deadline)";
    string private constant MARK_LOST =
        "MarkLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
    string private constant ASK_CLEAR_LOST =
        "AskClearLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
    string private constant ACCEPT_REVISION =
        "AcceptRevision(uint256 tokenId,bytes32 designDigest,address account,uint256 nonce,uint256 deadline)";

    uint256 private _token;
    uint64 private constant UNTIL = uint64(NOW + 30 days);

    function setUp() public override {
        super.setUp();
        _token = _wearableOf(player);
    }

    function _arguments(bytes memory act) private pure returns (bytes memory arguments) {
        arguments = new bytes(act.length - 4);
        for (uint256 i = 0; i < arguments.length; ++i) {
            arguments[i] = act[i + 4];
        }
    }

    function _signed(string memory name, string memory typeText, bytes memory act, uint256 nonce)
        private
        view
        returns (bytes memory)
    {
        return _signedFor(vm.addr(_key(name)), name, typeText, act, nonce);
    }

    /// What the key of `name` signs for `account`.
    function _signedFor(
        address account,
        string memory name,
        string memory typeText,
        bytes memory act,
        uint256 nonce
    ) private view returns (bytes memory) {
        bytes32 hash = _actHash(address(collection), typeText, _arguments(act), account, nonce, NOW);
        return _sign(_key(name), hash);
    }

    /// The player signs, a stranger submits.
    function _do(string memory typeText, bytes memory act, uint256 nonce) private {
        bytes memory signature = _signed("player", typeText, act, nonce);
        vm.prank(stranger);
        collection.actBySignature(act, nonce, NOW, signature);
    }

    function _giveCall(address to) private view returns (bytes memory) {
        return abi.encodeCall(IWearableRights.give, (_token, to));
    }

    function test_every_act_is_done_for_the_owner_who_signed_it() public {
        vm.prank(brand);
        collection.proposeRevision(1, "revised", true);
        _do(SET_USER, abi.encodeCall(IERC4907.setUser, (_token, friend, UNTIL)), 1);
        vm.assertEq(collection.userOf(_token), friend);
        _do(OFFER, abi.encodeCall(IWearableRights.offer, (_token, friend, UNTIL)), 2);
        (address offeredTo,,) = collection.begunOf(_token);
        vm.assertEq(offeredTo, friend);
        _do(ACCEPT_REVISION, abi.encodeCall(IWearableRights.acceptRevision, (_token, "revised")), 3);
        vm.assertEq(collection.designDigestOf(_token), "revised");
        _do(MARK_LOST, abi.encodeCall(IWearableRights.markLost, (_token)), 4);
        vm.assertTrue(collection.wordOf(_token) & OwnerWord.LOST != 0, "not lost");
        _do(ASK_CLEAR_LOST, abi.encodeCall(IWearableRights.askClearLost, (_token)), 5);
        (,, uint40 clearsAt) = collection.begunOf(_token);
        vm.assertEq(clearsAt, NOW + 7 days);
        vm.warp(NOW + 7 days);
        collection.clearLost(_token);
        vm.warp(NOW);
        _do(GIVE, _giveCall(friend), 6);
        vm.assertEq(collection.ownerOf(_token), friend);
        bytes memory act = abi.encodeCall(IWearableRights.burn, (_token));
        collection.actBySignature(act, 0, NOW, _signed("friend", BURN, act, 0));
        vm.assertEq(collection.wordOf(_token), OwnerWord.BURNED);
    }

    function test_nonces_are_used_once_in_any_order_and_can_be_given_up() public {
        uint256[4] memory nonces = [uint256(255), 256, 0, type(uint256).max];
        bytes memory act = abi.encodeCall(IERC4907.setUser, (_token, friend, UNTIL));
        for (uint256 i = 0; i < nonces.length; ++i) {
            vm.assertEq(collection.isNonceUsed(player, nonces[i]), false);
            _do(SET_USER, act, nonces[i]);
            vm.assertEq(collection.isNonceUsed(player, nonces[i]), true);
            vm.assertEq(collection.isNonceUsed(friend, nonces[i]), false);
        }
        bytes memory signature = _signed("player", SET_USER, act, 7);
        vm.expectEmit(address(collection));
        emit IWearableRights.NonceUsed(player, 7);
        vm.startPrank(player);
        collection.cancelNonce(7);
        bytes memory refused = abi.encodeWithSelector(IWearableRights.NonceAlreadyUsed.selector, player, 7);
        vm.expectRevert(refused);
        collection.cancelNonce(7);
        vm.expectRevert(refused);
        collection.actBySignature(act, 7, NOW, signature);
    }

    function test_attack_an_act_replayed_also_after_the_wearable_came_back() public {
        bytes memory signature = _signed("player", GIVE, _giveCall(friend), 1);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
        vm.prank(friend);
        collection.give(_token, player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NonceAlreadyUsed.selector, player, 1));
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
    }

    function test_attack_an_act_of_a_former_owner() public {
        bytes memory signature = _signed("player", GIVE, _giveCall(stranger), 1);
        vm.prank(player);
        collection.give(_token, friend);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(stranger), 1, NOW, signature);
    }

    function test_attack_a_signature_for_one_act_used_for_another() public {
        // Burn, MarkLost and AskClearLost have the same arguments.
        bytes memory markLost = abi.encodeCall(IWearableRights.markLost, (_token));
        bytes memory burn = abi.encodeCall(IWearableRights.burn, (_token));
        bytes memory signature = _signed("player", MARK_LOST, markLost, 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(burn, 1, NOW, signature);
        // So have SetUser and Offer.
        bytes memory lend = abi.encodeCall(IERC4907.setUser, (_token, friend, UNTIL));
        bytes memory offer = abi.encodeCall(IWearableRights.offer, (_token, friend, UNTIL));
        signature = _signed("player", SET_USER, lend, 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(offer, 1, NOW, signature);
        // Another receiver, nonce or deadline.
        signature = _signed("player", GIVE, _giveCall(friend), 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(stranger), 1, NOW, signature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 2, NOW, signature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 1, NOW + 1, signature);
    }

    function test_attack_arguments_longer_shorter_or_with_dirt_above_them() public {
        bytes memory signature = _signed("player", GIVE, _giveCall(friend), 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(bytes.concat(_giveCall(friend), hex"00"), 1, NOW, signature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(bytes.concat(_giveCall(friend), bytes32(0)), 1, NOW, signature);
        bytes memory short = abi.encodeWithSelector(IWearableRights.give.selector, _token);
        // Even signed, an act without its receiver is none.
        bytes memory shortSignature = _signed("player", GIVE, short, 1);
        vm.expectRevert();
        collection.actBySignature(short, 1, NOW, shortSignature);
        bytes memory dirty = abi.encodeWithSelector(
            IWearableRights.give.selector, _token, uint256(uint160(friend)) | uint256(1) << 160
        );
        bytes memory dirtySignature = _signed("player", GIVE, dirty, 1);
        vm.expectRevert();
        collection.actBySignature(dirty, 1, NOW, dirtySignature);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function test_attack_calls_that_are_no_acts() public {
        // Each with the token first, as an act has it, and signed as if it were one.
        bytes4[7] memory selectors = [
            collection.transferFrom.selector,
            collection.approve.selector,
            collection.setApprovalForAll.selector,
            IWearableCollection.setMinter.selector,
            IWearableRights.clearLost.selector,
            IWearableRights.revoke.selector,
            IWearableRights.moveFor.selector
        ];
        for (uint256 i = 0; i < selectors.length; ++i) {
            bytes memory call = abi.encodeWithSelector(selectors[i], _token, stranger);
            bytes memory signature = _signed("player", GIVE, call, 1);
            vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAnAct.selector, selectors[i]));
            collection.actBySignature(call, 1, NOW, signature);
        }
        vm.assertEq(collection.isNonceUsed(player, 1), false);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAnAct.selector, bytes4(0)));
        collection.actBySignature("", 1, NOW, "");
    }

    function test_attack_an_act_replayed_in_another_clone_or_on_another_chain_or_too_late() public {
        WearableCollection other = _createCollection("other");
        // The same token, of the same owner, in the other collection.
        WearableCollection first = collection;
        collection = other;
        _wearableOf(player);
        collection = first;
        bytes memory signature = _signed("player", GIVE, _giveCall(friend), 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        other.actBySignature(_giveCall(friend), 1, NOW, signature);
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
        vm.chainId(chain);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
    }

    function test_attack_zero_signer_and_tokens_that_do_not_exist() public {
        bytes memory act = abi.encodeCall(IWearableRights.give, (_token + 1, stranger));
        bytes memory nobody = abi.encodePacked(bytes32(0), bytes32(0), uint8(27));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, _token + 1));
        collection.actBySignature(act, 1, NOW, nobody);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(stranger), 1, NOW, nobody);
    }

    function test_attack_an_act_signed_for_a_wallet_used_again_for_its_keys_own_account() public {
        ContractAccount wallet = new ContractAccount(player);
        vm.prank(player);
        collection.give(_token, address(wallet));
        bytes memory signature = _signedFor(address(wallet), "player", GIVE, _giveCall(friend), 1);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature); // a sale
        vm.prank(friend);
        collection.give(_token, player); // sold back, to the account of the key itself
        vm.assertEq(collection.isNonceUsed(player, 1), false);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
        // Nor the other way round: what the key signed for itself is nothing that the wallet signed.
        signature = _signed("player", GIVE, _giveCall(friend), 2);
        vm.prank(player);
        collection.give(_token, address(wallet));
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 2, NOW, signature);
        vm.assertEq(collection.ownerOf(_token), address(wallet));
    }

    function test_attack_contract_wallet_that_changes_its_mind() public {
        ContractAccount wallet = new ContractAccount(player);
        vm.prank(player);
        collection.give(_token, address(wallet));
        bytes memory signature = _signedFor(address(wallet), "player", GIVE, _giveCall(friend), 1);
        wallet.setTrusting(false);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
        // The nonce was not spent by the refusal, so it may change it back.
        wallet.setTrusting(true);
        collection.actBySignature(_giveCall(friend), 1, NOW, signature);
        vm.assertEq(collection.ownerOf(_token), friend);
    }

    function test_what_is_blocked_for_the_owner_is_blocked_for_its_signature() public {
        _do(MARK_LOST, abi.encodeCall(IWearableRights.markLost, (_token)), 1);
        bytes memory signature = _signed("player", GIVE, _giveCall(friend), 2);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, _token));
        collection.actBySignature(_giveCall(friend), 2, NOW, signature);
        vm.assertEq(collection.isNonceUsed(player, 2), false);
    }

    function testFuzz_nobody_elses_signature_moves_a_wearable(uint256 key, uint256 nonce) public {
        key = key % (2 ** 255 - 1) + 1;
        vm.assume(vm.addr(key) != player);
        bytes32 hash =
            _actHash(address(collection), GIVE, _arguments(_giveCall(stranger)), player, nonce, NOW);
        bytes memory signature = _sign(key, hash);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(_giveCall(stranger), nonce, NOW, signature);
    }
}
