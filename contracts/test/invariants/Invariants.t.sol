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
        chronicle.learnCompanions(address(estate), address(recovery));
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
        vm.assertTrue(_crowd.isRegistryAsSaid(), "the registry is not what it was told");
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
            if (rights.recovering) word |= 1 << 203;
            if (rights.choosing) word |= 1 << 204;
            if (rights.offeredTo != address(0)) word |= 1 << 205;
            if (rights.byGuardians) word |= 1 << 206;
            if (rights.kept) word |= 1 << 207;
            if (rights.issuerAttested) word |= 1 << 208;
            if (rights.custodianAttested) word |= 1 << 209;
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
        uint256 seed = 3;
        for (uint256 i = 0; i < 10000; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 a = seed >> 16;
            uint256 b = seed >> 80;
            uint256 c = seed >> 160;
            _play(seed % 44, a, b, c);
        }
        bytes4[] memory acts = _acts();
        string memory never = "";
        for (uint256 i = 0; i < acts.length; ++i) {
            if (_crowd.succeeded(acts[i]) == 0) never = string.concat(never, " ", vm.toString(i));
        }
        acts = _signedActs();
        for (uint256 i = 0; i < acts.length; ++i) {
            if (_crowd.signed(acts[i]) == 0) never = string.concat(never, " signed ", vm.toString(i));
        }
        vm.assertEq(never, "");
        _all_is_as_the_crowd_saw_it();
    }

    function _acts() private view returns (bytes4[] memory acts) {
        acts = new bytes4[](60);
        acts[0] = collection.commitBatch.selector;
        acts[1] = collection.commitBatchBySignature.selector;
        acts[2] = collection.claim.selector;
        acts[3] = collection.mint.selector;
        acts[4] = collection.transferFrom.selector;
        acts[5] = collection.mintByVoucher.selector;
        acts[6] = collection.replaceClaimKey.selector;
        acts[7] = collection.withdrawSerial.selector;
        acts[8] = collection.pauseMinting.selector;
        acts[9] = collection.give.selector;
        acts[10] = collection.burn.selector;
        acts[11] = collection.setUser.selector;
        acts[12] = collection.offer.selector;
        acts[13] = collection.take.selector;
        acts[14] = collection.markLost.selector;
        acts[15] = collection.askClearLost.selector;
        acts[16] = collection.clearLost.selector;
        acts[17] = collection.revoke.selector;
        acts[18] = collection.acceptRevision.selector;
        acts[19] = collection.replaceClaimKeyNow.selector;
        acts[20] = collection.setPauser.selector;
        acts[21] = collection.proposeRevision.selector;
        acts[22] = collection.stateLicence.selector;
        acts[23] = collection.cancelNonce.selector;
        acts[24] = collection.approve.selector;
        acts[25] = collection.setApprovalForAll.selector;
        acts[26] = collection.actBySignature.selector;
        acts[27] = collection.setMinter.selector;
        acts[28] = registry.register.selector;
        acts[29] = registry.claimDid.selector;
        acts[30] = registry.acceptLog.selector;
        acts[31] = registry.removeLog.selector;
        acts[32] = registry.addKey.selector;
        acts[33] = registry.retireKey.selector;
        acts[34] = registry.declareCompromised.selector;
        acts[35] = registry.accredit.selector;
        acts[36] = registry.withdrawAccreditation.selector;
        acts[37] = logAnchor.anchor.selector;
        acts[38] = factory.createCollection.selector;
        acts[39] = collection.setRoyalty.selector;
        acts[40] = collection.choose.selector;
        acts[41] = collection.settle.selector;
        acts[42] = collection.attestRetired.selector;
        acts[43] = collection.setCustodian.selector;
        acts[44] = estate.setWill.selector;
        acts[45] = estate.stillHere.selector;
        acts[46] = estate.openEstate.selector;
        acts[47] = estate.bequeath.selector;
        acts[48] = recovery.setGuardians.selector;
        acts[49] = recovery.recover.selector;
        acts[50] = recovery.veto.selector;
        acts[51] = recovery.recoverAsIssuer.selector;
        acts[52] = recovery.finish.selector;
        acts[53] = recovery.keepGuardians.selector;
        acts[54] = recovery.stopRecovery.selector;
        acts[55] = recovery.clearLost.selector;
        acts[56] = recovery.drop.selector;
        acts[57] = registry.proposeAccount.selector;
        acts[58] = registry.acceptAccount.selector;
        acts[59] = estate.actBySignature.selector; // the same as Recovery's, see _signedActs
    }

    function _signedActs() private view returns (bytes4[] memory acts) {
        acts = new bytes4[](9);
        acts[0] = estate.setWill.selector;
        acts[1] = estate.stillHere.selector;
        acts[2] = estate.openEstate.selector;
        acts[3] = recovery.setGuardians.selector;
        acts[4] = recovery.keepGuardians.selector;
        acts[5] = recovery.recover.selector;
        acts[6] = recovery.stopRecovery.selector;
        acts[7] = recovery.clearLost.selector;
        acts[8] = recovery.veto.selector;
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
        if (act == 10 && a % 4 == 0) _crowd.wait(uint32(b));
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
        if (act == 27) _crowd.register(a);
        if (act > 27) _playWithCompanions(act, a, b, c, d);
    }

    function _playWithCompanions(uint256 act, uint256 a, uint256 b, uint256 c, uint256 d) private {
        uint256 how = c >> 40;
        if (act == 28) _crowd.choose(a, b, uint8(d), c % 2 == 0);
        if (act == 29) _crowd.settle(a, b);
        if (act == 30) _crowd.attestRetired(a, b);
        if (act == 31) _crowd.setCustodian(a, uint64(b), d);
        if (act == 32) _crowd.setWill(a, uint8(b), how);
        if (act == 33 && a % 4 == 0) _crowd.stillHere(a, how);
        if (act == 34) _crowd.openEstate(a, b, uint8(c), d % 2 == 0, how);
        if (act == 35) _crowd.bequeath(a, b, c);
        if (act == 36) _crowd.setGuardians(a, uint8(b), how);
        if (act == 37) _crowd.keepGuardians(a, how);
        if (act == 38 || act == 39) _crowd.decide(a, b, c, uint8(d), d >> 8 & 1 == 0, how);
        if (act == 40 && a % 4 == 0) _crowd.veto(a, b, how);
        if (act == 41) _crowd.recoverAsIssuer(a, b, c);
        if (act == 42 && a % 8 == 0) _crowd.drop(a, b);
        if (act == 42 && a % 8 != 0) _crowd.finish(a, b);
        if (act == 43 && a % 2 == 0) _crowd.changeMind(uint8(b));
        if (act == 43 && a % 2 == 1) _giveUp(a, b, c);
    }

    function _giveUp(uint256 a, uint256 b, uint256 c) private {
        if (b % 2 == 0) _crowd.giveUpNonce(a >> 8, c % 2 == 0);
        else _crowd.giveUpNonceAtRecovery(a >> 8, c % 2 == 0);
    }
}
