// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {ContractAccount} from "./support/ContractAccount.sol";
import {World} from "./support/World.sol";

contract CommitsTest is World {
    bytes32 private constant ROOT = keccak256("root");

    function _expectRefused(bytes memory failure, IWearableCollection.Batch memory batch) private {
        vm.prank(brand);
        vm.expectRevert(failure);
        collection.commitBatch(batch);
    }

    function test_the_first_commit_opens_the_design_and_fixes_it() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        batch.terms = 1_900_000_000 | 1_850_000_000 << 40 | 2 << 80;
        vm.expectEmit(address(collection));
        emit IWearableCollection.DesignOpened(1, batch.designDigest, EDITION, batch.terms);
        vm.expectEmit(address(collection));
        emit IWearableCollection.BatchCommitted(1, 1, 200, ROOT);
        vm.prank(brand);
        collection.commitBatch(batch);

        IWearableCollection.Design memory design = collection.designOf(1);
        vm.assertEq(design.edition, EDITION);
        vm.assertEq(design.nextSerial, 201);
        vm.assertEq(design.terms, batch.terms);
        vm.assertEq(design.designDigest, batch.designDigest);
        (uint64 designId, uint64 firstSerial, uint64 count) = collection.batchOf(ROOT);
        vm.assertEq(designId, 1);
        vm.assertEq(firstSerial, 1);
        vm.assertEq(count, 200);
        vm.assertEq(collection.designCount(), 1);
    }

    function test_later_batches_continue_the_serials_to_the_edition_and_no_further() public {
        vm.startPrank(brand);
        collection.commitBatch(_batch(1, 1, 200, ROOT));
        collection.commitBatch(_batch(1, 201, 300, "second"));
        vm.stopPrank();
        vm.assertEq(collection.designOf(1).nextSerial, 501);
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.EditionExceeded.selector, EDITION, 501),
            _batch(1, 501, 1, "third")
        );
    }

    function test_designs_are_lanes_of_their_own_and_open_in_any_order() public {
        vm.startPrank(brand);
        collection.commitBatch(_batch(3, 1, 10, "three"));
        collection.commitBatch(_batch(1, 1, 10, "one"));
        collection.commitBatch(_batch(3, 11, 10, "three again"));
        vm.assertEq(collection.designCount(), 2);
        vm.assertEq(collection.designOf(2).nextSerial, 0);
    }

    function test_serials_leave_no_gap_and_never_go_back() public {
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 1, 0), _batch(1, 0, 5, ROOT)
        );
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 1, 2), _batch(1, 2, 5, ROOT)
        );
        vm.prank(brand);
        collection.commitBatch(_batch(1, 1, 5, ROOT));
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 6, 5), _batch(1, 5, 5, "other")
        );
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 6, 7), _batch(1, 7, 5, "other")
        );
    }

    function test_a_bad_batch_is_refused_with_its_reason() public {
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadDesign.selector), _batch(0, 1, 5, ROOT));
        _expectRefused(abi.encodeWithSelector(IWearableCollection.EmptyBatch.selector), _batch(1, 1, 0, ROOT));
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadRoot.selector, 0), _batch(1, 1, 5, 0));
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.EditionExceeded.selector, EDITION, 501),
            _batch(1, 1, 501, ROOT)
        );
        IWearableCollection.Batch memory batch = _batch(1, 1, 5, ROOT);
        batch.designDigest = 0;
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadDesign.selector), batch);
        vm.assertEq(collection.designCount(), 0);
    }

    function test_terms_have_no_unknown_bits_and_a_known_default() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 5, ROOT);
        batch.terms = 1 << 88;
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadTerms.selector, batch.terms), batch);
        batch.terms = 3 << 80;
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadTerms.selector, batch.terms), batch);
        batch.terms = 2 << 80 | (1 << 80) - 1;
        vm.prank(brand);
        collection.commitBatch(batch);
        vm.assertEq(collection.designOf(1).terms, batch.terms);
    }

    function test_edition_terms_and_digest_stay_as_first_committed() public {
        vm.prank(brand);
        collection.commitBatch(_batch(1, 1, 5, ROOT));
        bytes memory refused = abi.encodeWithSelector(IWearableCollection.DesignFixed.selector, 1);
        IWearableCollection.Batch memory batch = _batch(1, 6, 5, "second");
        batch.edition = EDITION + 1;
        _expectRefused(refused, batch);
        batch.edition = 0;
        _expectRefused(refused, batch);
        batch = _batch(1, 6, 5, "second");
        batch.terms = 1;
        _expectRefused(refused, batch);
        batch = _batch(1, 6, 5, "second");
        batch.designDigest = "another";
        _expectRefused(refused, batch);
    }

    function test_a_root_is_committed_once() public {
        vm.prank(brand);
        collection.commitBatch(_batch(1, 1, 5, ROOT));
        bytes memory refused = abi.encodeWithSelector(IWearableCollection.BadRoot.selector, ROOT);
        _expectRefused(refused, _batch(1, 6, 5, ROOT));
        _expectRefused(refused, _batch(2, 1, 5, ROOT));
    }

    function test_the_last_serials_of_an_open_design_never_wrap_round() public {
        uint64 max = type(uint64).max;
        IWearableCollection.Batch memory batch = _batch(1, 1, max, ROOT);
        batch.edition = max;
        _expectRefused(abi.encodeWithSelector(IWearableCollection.BadEdition.selector, max), batch);
        batch.edition = 0;
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.EditionExceeded.selector, max - 1, max), batch
        );
        batch.count = max - 1;
        vm.prank(brand);
        collection.commitBatch(batch);
        vm.assertEq(collection.designOf(1).nextSerial, max);
        batch = _batch(1, max, 1, "last");
        batch.edition = 0;
        _expectRefused(
            abi.encodeWithSelector(IWearableCollection.EditionExceeded.selector, max - 1, max), batch
        );
        batch.count = max;
        _expectRefused(
            abi.encodeWithSelector(
                IWearableCollection.EditionExceeded.selector, max - 1, uint256(max) * 2 - 1
            ),
            batch
        );
    }

    // ---- By signature

    function test_anybody_submits_what_the_issuer_signed() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.prank(stranger);
        collection.commitBatchBySignature(batch, NOW, signature);
        vm.assertEq(collection.designOf(1).nextSerial, 201);

        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 201, 1));
        collection.commitBatchBySignature(batch, NOW, signature);
    }

    function test_a_signature_dies_after_its_deadline() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        collection.commitBatchBySignature(batch, NOW, signature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW + 1, signature);
    }

    function test_a_signature_does_not_count_while_another_account_acts() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.prank(brand);
        registry.proposeAccount(brandId, friend);
        vm.prank(friend);
        registry.acceptAccount(brandId);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);

        bytes memory other = _signCommit(address(collection), _key("friend"), batch, NOW);
        collection.commitBatchBySignature(batch, NOW, other);

        // It counts again with its account: what ends it for good is its deadline, or a commit at its serial.
        batch = _batch(2, 1, 200, "another root");
        signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.prank(friend);
        registry.proposeAccount(brandId, brand);
        vm.prank(brand);
        registry.acceptAccount(brandId);
        collection.commitBatchBySignature(batch, NOW, signature);
    }

    function test_the_issuer_cancels_a_signature_by_committing_something_else_there() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.prank(brand);
        collection.commitBatch(_batch(1, 1, 1, "a hole"));
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.BadSerial.selector, 2, 1));
        collection.commitBatchBySignature(batch, NOW, signature);
    }

    function test_a_contract_account_commits_by_erc1271() public {
        ContractAccount account = new ContractAccount(vm.addr(_key("owner of the account")));
        vm.prank(brand);
        registry.proposeAccount(brandId, address(account));
        vm.prank(address(account));
        registry.acceptAccount(brandId);
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);

        bytes memory signature = _signCommit(address(collection), _key("stranger"), batch, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);

        signature = _signCommit(address(collection), _key("owner of the account"), batch, NOW);
        account.setTrusting(false);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);
        account.setTrusting(true);
        collection.commitBatchBySignature(batch, NOW, signature);
        vm.assertEq(collection.designOf(1).nextSerial, 201);
    }

    function testFuzz_whatever_field_is_changed_the_signature_no_longer_counts(uint8 field, uint64 by)
        public
    {
        vm.assume(by != 0);
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, ROOT);
        uint256 deadline = NOW;
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, deadline);
        unchecked {
            field = field % 8;
            if (field == 0) batch.designId += by;
            if (field == 1) batch.firstSerial += by;
            if (field == 2) batch.count += by;
            if (field == 3) batch.edition += by;
            if (field == 4) batch.terms += by;
            if (field == 5) batch.designDigest = bytes32(uint256(batch.designDigest) + by);
            if (field == 6) batch.root = bytes32(uint256(batch.root) + by);
            if (field == 7) deadline += by;
        }
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, deadline, signature);
    }

    function testFuzz_nobody_but_the_issuer_commits(address caller) public {
        vm.assume(caller != brand);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, caller));
        collection.commitBatch(_batch(1, 1, 200, ROOT));
    }
}
