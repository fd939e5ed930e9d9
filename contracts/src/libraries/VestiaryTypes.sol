// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";

/// @title Every EIP-712 text of Vestiary, and what is hashed of it
/// @dev The domain is rebuilt for each signature: collections are clones, so an address remembered in
/// the implementation would never be theirs, and a chain that splits gets a new id by itself.
library VestiaryTypes {
    string internal constant NAME = "Vestiary";
    string internal constant VERSION = "1";

    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    bytes32 internal constant COMMIT_BATCH_TYPEHASH = keccak256(
        "CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline)"
    );

    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");

    bytes32 internal constant VOUCHER_TYPEHASH =
        keccak256("Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");

    bytes32 internal constant REPLACE_CLAIM_KEY_TYPEHASH =
        keccak256("ReplaceClaimKey(uint256 tokenId,address newKey,uint256 deadline)");

    bytes32 internal constant TAKE_TYPEHASH =
        keccak256("Take(uint256 tokenId,address from,address to,uint256 until)");

    // Owners' acts, see IWearableRights.actBySignature.

    bytes32 internal constant GIVE_TYPEHASH =
        keccak256("Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant BURN_TYPEHASH =
        keccak256("Burn(uint256 tokenId,address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant SET_USER_TYPEHASH = keccak256(
        "SetUser(uint256 tokenId,address user,uint64 expires,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant OFFER_TYPEHASH = keccak256(
        "Offer(uint256 tokenId,address key,uint64 until,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant MARK_LOST_TYPEHASH =
        keccak256("MarkLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant ASK_CLEAR_LOST_TYPEHASH =
        keccak256("AskClearLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant ACCEPT_REVISION_TYPEHASH = keccak256(
        "AcceptRevision(uint256 tokenId,bytes32 designDigest,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant CHOOSE_TYPEHASH =
        keccak256("Choose(uint256 tokenId,uint8 kept,address account,uint256 nonce,uint256 deadline)");

    // Acts of Estate and Recovery, see ISignedActs.actBySignature.

    bytes32 internal constant SET_WILL_TYPEHASH = keccak256(
        "SetWill(address[] heirs,address[] executors,uint8 threshold,uint40 moratorium,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant STILL_HERE_TYPEHASH =
        keccak256("StillHere(address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant OPEN_ESTATE_TYPEHASH =
        keccak256("OpenEstate(address owner,address heir,address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant SET_GUARDIANS_TYPEHASH = keccak256(
        "SetGuardians(address[] guardians,uint8 threshold,uint40 delay,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant KEEP_GUARDIANS_TYPEHASH =
        keccak256("KeepGuardians(address account,uint256 nonce,uint256 deadline)");
    bytes32 internal constant VETO_TYPEHASH = keccak256(
        "Veto(address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant RECOVER_TYPEHASH = keccak256(
        "Recover(address owner,address collection,uint256[] tokenIds,address to,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant STOP_RECOVERY_TYPEHASH = keccak256(
        "StopRecovery(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)"
    );
    bytes32 internal constant CLEAR_LOST_TYPEHASH = keccak256(
        "ClearLost(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)"
    );

    /// The hash that the issuer's account signs to commit `batch` on this contract.
    function commitBatch(IWearableCollection.Batch calldata batch, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(COMMIT_BATCH_TYPEHASH, batch, deadline)));
    }

    /// The hash that a claim key signs to have its serial minted to `to` on this contract.
    function claim(uint256 tokenId, bytes32 certificateDigest, address to, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(CLAIM_TYPEHASH, tokenId, certificateDigest, to, deadline)));
    }

    /// The hash that a minter signs for a serial without claim key to be minted to `to`.
    function voucher(uint256 tokenId, bytes32 certificateDigest, address to, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(VOUCHER_TYPEHASH, tokenId, certificateDigest, to, deadline)));
    }

    /// The hash that a claim key signs to be replaced at once.
    function replaceClaimKey(uint256 tokenId, address newKey, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(REPLACE_CLAIM_KEY_TYPEHASH, tokenId, newKey, deadline)));
    }

    /// The hash that the key of an offer signs to have the token moved to `to`.
    function take(uint256 tokenId, address from, address to, uint256 until) internal view returns (bytes32) {
        return _signingHash(keccak256(abi.encode(TAKE_TYPEHASH, tokenId, from, to, until)));
    }

    /// The hash that is signed for an act of `account` with these arguments, each a whole word: of an array, the
    /// hash of its elements. One key may sign for several accounts, so each signature says for which.
    function act(bytes32 typeHash, bytes memory arguments, address account, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        uint256 word = uint160(account);
        return _signingHash(keccak256(abi.encodePacked(typeHash, arguments, word, nonce, deadline)));
    }

    function _signingHash(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(NAME)),
                keccak256(bytes(VERSION)),
                block.chainid,
                address(this)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
