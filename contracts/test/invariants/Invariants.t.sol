// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {World} from "../support/World.sol";
import {Chronicle} from "./Chronicle.sol";
import {Owners} from "./Owners.sol";
import {Registrars} from "./Registrars.sol";

/// @title What stays true whatever a crowd does, in any order
contract InvariantsTest is World {
    Registrars private _crowd;

    function setUp() public override {
        Chronicle chronicle = new Chronicle();
        vm.recordLogs();
        super.setUp();
        chronicle.read(vm.getRecordedLogs(), block.timestamp);
        _crowd = new Registrars(collection, registry, brandId, factory, chronicle);
        // A first batch of each kind, so that short sequences reach tokens too.
        _crowd.commit(0, 0, 4, 15, true, false);
        _crowd.commit(0, 1, 4, 15, false, false);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_crowd);
    }

    /// Nobody committed, minted, moved or burned what was not theirs to, a minter no serial with a claim key
    /// among them; no owner, claimant and issuer was kept from what is; no edition changed; nothing came from
    /// outside its leaves; and after each act every word of storage that it wrote is the one that events tell.
    function invariant_nobody_oversteps_and_nobody_is_stopped() external view {
        if (_crowd.breachCount() != 0) vm.assertEq(_crowd.breaches(0), "");
    }

    /// The rest is about state that the crowd keeps beside the chain's, so the end of a run shows it all.
    function afterInvariant() external view {
        _all_is_as_the_crowd_saw_it();
    }

    function _all_is_as_the_crowd_saw_it() private view {
        if (_crowd.breachCount() != 0) vm.assertEq(_crowd.breaches(0), "");
        _a_serial_is_minted_at_most_once_ever();
        _supply_stays_within_the_edition();
        _the_word_says_who_owns_and_what_is_true_of_it();
        _balances_are_the_number_of_tokens_owned();
        _the_count_of_designs_is_the_number_of_open_ones();
        vm.assertTrue(_crowd.isAsTold(), "storage is not what events tell");
    }

    function _a_serial_is_minted_at_most_once_ever() private view {
        for (uint256 i = 0; i < _crowd.tokenCount(); ++i) {
            vm.assertEq(_crowd.mints(_crowd.tokenIds(i)), 1);
        }
    }

    function _supply_stays_within_the_edition() private view {
        for (uint64 designId = 1; designId <= 3; ++designId) {
            IWearableCollection.Design memory design = collection.designOf(designId);
            uint256 minted;
            for (uint256 i = 0; i < _crowd.tokenCount(); ++i) {
                uint256 tokenId = _crowd.tokenIds(i);
                if (tokenId >> 64 != designId) continue;
                ++minted;
                vm.assertTrue(uint64(tokenId) < design.nextSerial, "minted beyond what is committed");
            }
            if (design.edition == 0) continue;
            vm.assertLe(minted, design.edition, "edition");
            vm.assertTrue(design.nextSerial <= design.edition + 1, "serials beyond the edition");
        }
    }

    function _the_word_says_who_owns_and_what_is_true_of_it() private view {
        for (uint256 i = 0; i < _crowd.tokenCount(); ++i) {
            uint256 tokenId = _crowd.tokenIds(i);
            Owners.Rights memory rights = _crowd.rightsOf(tokenId);
            uint256 word = uint256(uint160(_crowd.owners(tokenId))) | rights.expires << 160;
            if (_crowd.burned(tokenId)) word |= 1 << 200;
            if (rights.lost) word |= 1 << 201;
            if (rights.revoked) word |= 1 << 202;
            if (rights.offeredTo != address(0)) word |= 1 << 205;
            vm.assertEq(collection.wordOf(tokenId), word);
            vm.assertEq(
                collection.userOf(tokenId), rights.expires >= block.timestamp ? rights.user : address(0)
            );
            (address offeredTo, uint40 until, uint40 clearsAt) = collection.begunOf(tokenId);
            vm.assertEq(offeredTo, rights.offeredTo);
            vm.assertEq(until, rights.until);
            vm.assertEq(clearsAt, rights.clearsAt);
            uint64 designId = uint64(tokenId >> 64);
            bytes32 design = rights.revision == 0 ? _crowd.digests(designId) : rights.revision;
            vm.assertEq(collection.designDigestOf(tokenId), design);
        }
    }

    function _balances_are_the_number_of_tokens_owned() private view {
        for (uint256 who = 0; who < 6; ++who) {
            address account = _crowd.actor(who);
            uint256 owned;
            for (uint256 i = 0; i < _crowd.tokenCount(); ++i) {
                if (_crowd.owners(_crowd.tokenIds(i)) == account) ++owned;
            }
            vm.assertEq(collection.balanceOf(account), owned);
        }
    }

    function _the_count_of_designs_is_the_number_of_open_ones() private view {
        uint64 open;
        for (uint64 designId = 1; designId <= 3; ++designId) {
            if (collection.designOf(designId).nextSerial != 0) ++open;
        }
        vm.assertEq(collection.designCount(), open);
    }

    /// The crowd is no use if it never gets anywhere: one run reaches every kind of act.
    function test_the_crowd_reaches_every_act() external {
        uint256 seed = 1;
        for (uint256 i = 0; i < 5000; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 a = seed >> 16;
            uint256 b = seed >> 80;
            uint256 c = seed >> 160;
            _play(seed % 28, a, b, c);
        }
        vm.assertTrue(_crowd.succeeded(collection.commitBatch.selector) > 3, "commits");
        vm.assertTrue(_crowd.succeeded(collection.commitBatchBySignature.selector) > 3, "signed commits");
        vm.assertTrue(_crowd.succeeded(collection.claim.selector) > 3, "claims");
        vm.assertTrue(_crowd.succeeded(collection.mint.selector) > 3, "mints");
        vm.assertTrue(_crowd.succeeded(collection.transferFrom.selector) > 3, "transfers");
        vm.assertTrue(_crowd.succeeded(collection.mintByVoucher.selector) > 0, "vouchers");
        vm.assertTrue(_crowd.succeeded(collection.replaceClaimKey.selector) > 3, "claim keys");
        vm.assertTrue(_crowd.succeeded(collection.withdrawSerial.selector) > 0, "withdrawals");
        vm.assertTrue(_crowd.succeeded(collection.pauseMinting.selector) > 3, "pauses");
        vm.assertTrue(_crowd.succeeded(collection.give.selector) > 3, "gifts");
        vm.assertTrue(_crowd.succeeded(collection.burn.selector) > 0, "burns");
        vm.assertTrue(_crowd.succeeded(collection.setUser.selector) > 3, "loans");
        vm.assertTrue(_crowd.succeeded(collection.offer.selector) > 3, "offers");
        vm.assertTrue(_crowd.succeeded(collection.take.selector) > 0, "takings");
        vm.assertTrue(_crowd.succeeded(collection.markLost.selector) > 0, "lost");
        vm.assertTrue(_crowd.succeeded(collection.askClearLost.selector) > 0, "wishes to clear");
        vm.assertTrue(_crowd.succeeded(collection.clearLost.selector) > 0, "cleared");
        vm.assertTrue(_crowd.succeeded(collection.revoke.selector) > 0, "revocations");
        vm.assertTrue(_crowd.succeeded(collection.acceptRevision.selector) > 3, "revisions");
        vm.assertTrue(_crowd.succeeded(collection.replaceClaimKeyNow.selector) > 0, "claim keys at once");
        vm.assertTrue(_crowd.succeeded(collection.setPauser.selector) > 3, "pausers");
        vm.assertTrue(_crowd.succeeded(collection.proposeRevision.selector) > 3, "proposals");
        vm.assertTrue(_crowd.succeeded(collection.stateLicence.selector) > 0, "licences");
        vm.assertTrue(_crowd.succeeded(collection.cancelNonce.selector) > 3, "nonces");
        vm.assertTrue(_crowd.succeeded(collection.approve.selector) > 3, "approvals");
        vm.assertTrue(_crowd.succeeded(collection.setApprovalForAll.selector) > 3, "operators");
        vm.assertTrue(_crowd.succeeded(collection.actBySignature.selector) > 10, "acts by signature");
        vm.assertTrue(_crowd.succeeded(collection.setMinter.selector) > 3, "minters");
        for (uint256 act = 0; act < 12; ++act) {
            vm.assertTrue(_crowd.succeeded(_registrars()[act]) > 0, "the registry");
        }
        _all_is_as_the_crowd_saw_it();
    }

    function _registrars() private view returns (bytes4[12] memory) {
        return [
            registry.register.selector,
            registry.claimDid.selector,
            registry.acceptLog.selector,
            registry.removeLog.selector,
            registry.addKey.selector,
            registry.retireKey.selector,
            registry.declareCompromised.selector,
            registry.accredit.selector,
            registry.withdrawAccreditation.selector,
            logAnchor.anchor.selector,
            factory.createCollection.selector,
            collection.setRoyalty.selector
        ];
    }

    function _play(uint256 act, uint256 a, uint256 b, uint256 c) private {
        bool signed = c % 2 == 0;
        uint256 d = a >> 40;
        if (act == 0) _crowd.commit(a, uint64(b), uint64(c), uint8(a >> 9), signed, b % 8 == 0);
        if (act == 1) _crowd.commitSigned(a, uint64(b), uint64(c), uint8(a >> 9), signed);
        if (act == 2) _crowd.setMinter(a, b, signed);
        if (act == 3) _crowd.claim(a, b, uint64(c), a >> 9, b >> 9);
        if (act == 4 && signed) _crowd.mint(a, b, uint64(c), a >> 9);
        if (act == 4 && !signed) _crowd.mintByVoucher(a, b, uint64(c), a >> 9, b >> 9);
        if (act == 5) _crowd.transfer(a, b, c, uint8(d));
        if (act == 6) _crowd.approveAll(a, b, signed);
        if (act == 7) _crowd.burn(a, b, signed);
        if (act == 8 && a % 8 == 0) _crowd.rotate(b);
        if (act == 9) _crowd.pause(a, uint32(b));
        if (act == 10) _crowd.wait(uint32(b));
        if (act == 11) _crowd.changeClaimKey(a, b, uint64(c), d);
        if (act == 12) _crowd.give(a, b, d, signed);
        if (act == 13) _crowd.lend(a, b, d, uint32(c), signed);
        if (act == 14) _crowd.offer(a, b, d, uint32(c), signed);
        if (act == 15) _crowd.take(a, b, c, d);
        if (act == 16) _crowd.markLost(a, b, signed);
        if (act == 17) _crowd.askClearLost(a, b, signed);
        if (act == 18) _crowd.clearLost(a, b);
        if (act == 19) _crowd.revoke(a, b, uint16(c));
        if (act == 20) _crowd.acceptRevision(a, b, d, signed);
        if (act == 21) _crowd.changeClaimKeyNow(a, b, uint64(c), d, b >> 9);
        if (act == 22) _crowd.setPauser(a, b, signed);
        if (act == 23) _crowd.proposeRevision(a, uint64(b), d, signed);
        if (act == 24) _crowd.stateLicence(a, uint64(b));
        if (act == 25) _crowd.cancelNonce(a, uint8(b));
        if (act == 26 && signed) _crowd.approve(a, b, d);
        if (act == 26 && !signed) _crowd.setTexts(a, uint8(b), uint96(c), d);
        if (act == 27) _crowd.register(a, uint8(b), uint8(c), uint64(d), signed);
    }
}
