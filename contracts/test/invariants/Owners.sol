// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../../src/IERC4907.sol";
import {Minters} from "./Minters.sol";

/// @title The same crowd, and what it does with tokens that exist
/// @dev Beside the chain it keeps what should be true by the interface, and notes every act that went
/// otherwise than it should: done by whom it should not, or refused to whom it should not.
abstract contract Owners is Minters {
    struct Rights {
        bool lost;
        bool revoked;
        uint256 clearsAt;
        address offeredTo;
        uint256 until;
        address user;
        uint256 expires;
        bytes32 revision;
        address approved;
        bool recovering;
        bool byGuardians;
        /// The piece is given up and not yet retired; it is retired; who said so.
        bool choosing;
        bool kept;
        bool issuerAttested;
        bool custodianAttested;
    }

    mapping(uint256 => Rights) internal _rights;
    mapping(uint64 => address) private _custodians;
    mapping(address => mapping(address => bool)) private _operators;
    uint256 private _nonce;
    mapping(address => mapping(uint256 => bool)) private _used;

    function rightsOf(uint256 tokenId) external view returns (Rights memory) {
        return _rights[tokenId];
    }

    function give(uint256 who, uint256 token, uint256 to, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        bytes memory act = abi.encodeCall(IWearableRights.give, (tokenId, actor(to)));
        string memory text = "Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)";
        may = may && !_rights[tokenId].lost;
        if (_act(who, act, text, signed, may)) _moved(tokenId, actor(to));
    }

    /// Every second time by whom the owner approved, if there is anybody; else one in four, or little would stay.
    function burn(uint256 who, uint256 token, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        address approved = _rights[tokenId].approved;
        if (token >> 20 & 1 == 0 && approved != address(0)) {
            who = _seatOf(approved);
            may = owners[tokenId] == approved;
        } else if (token % 4 != 0) {
            return;
        }
        bytes memory act = abi.encodeCall(IWearableRights.burn, (tokenId));
        string memory text = "Burn(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
        may = may && !_rights[tokenId].lost;
        if (!_act(who, act, text, signed, may)) return;
        burned[tokenId] = true;
        _moved(tokenId, address(0));
    }

    function lend(uint256 who, uint256 token, uint256 user, uint32 seconds_, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        uint64 expires = uint64(block.timestamp + seconds_ % 10 days);
        address borrower = user % 5 == 0 ? address(0) : actor(user);
        bytes memory act = abi.encodeCall(IERC4907.setUser, (tokenId, borrower, expires));
        string memory text =
            "SetUser(uint256 tokenId,address user,uint64 expires,address account,uint256 nonce,uint256 deadline)";
        may = may && !_rights[tokenId].lost;
        if (!_act(who, act, text, signed, may)) return;
        _rights[tokenId].user = borrower;
        _rights[tokenId].expires = borrower == address(0) ? 0 : expires;
    }

    function offer(uint256 who, uint256 token, uint256 to, uint32 seconds_, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        uint64 until = uint64(block.timestamp + seconds_ % 10 days);
        address taker = to % 7 == 0 ? address(0) : actor(to);
        bytes memory act = abi.encodeCall(IWearableRights.offer, (tokenId, taker, until));
        string memory text =
            "Offer(uint256 tokenId,address key,uint64 until,address account,uint256 nonce,uint256 deadline)";
        may = may && !_rights[tokenId].lost;
        if (!_act(who, act, text, signed, may)) return;
        _rights[tokenId].offeredTo = taker;
        _rights[tokenId].until = taker == address(0) ? 0 : until;
    }

    /// Mostly by the key it is offered to.
    function take(uint256 who, uint256 token, uint256 signer, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        Rights storage rights = _rights[tokenId];
        for (uint256 i = 0; i < 6 && signer % 4 != 0; ++i) {
            if (actor(i) == rights.offeredTo) signer = i;
        }
        bytes32 typeHash = keccak256("Take(uint256 tokenId,address from,address to,uint256 until)");
        bytes32 hash =
            _typed(keccak256(abi.encode(typeHash, tokenId, owners[tokenId], actor(to), rights.until)));
        bytes memory signature = _sign(key(signer), hash);
        bool may = _isKeyOf(signer, rights.offeredTo) && block.timestamp <= rights.until;
        bool done = _try(who, abi.encodeCall(IWearableRights.take, (tokenId, actor(to), signature)));
        _expect(done == may, may ? "a taker was stopped" : "taken by whom it was not offered to");
        if (done) _moved(tokenId, actor(to));
    }

    function markLost(uint256 who, uint256 token, bool signed) external {
        if (token % 3 != 0) return; // or hardly anything ever moves
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        bytes memory act = abi.encodeCall(IWearableRights.markLost, (tokenId));
        string memory text = "MarkLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
        if (!_act(who, act, text, signed, may)) return;
        Rights storage rights = _rights[tokenId];
        (rights.lost, rights.clearsAt, rights.offeredTo, rights.until) = (true, 0, address(0), 0);
    }

    function askClearLost(uint256 who, uint256 token, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        bytes memory act = abi.encodeCall(IWearableRights.askClearLost, (tokenId));
        string memory text = "AskClearLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)";
        may = may && _rights[tokenId].lost;
        if (_act(who, act, text, signed, may)) _rights[tokenId].clearsAt = block.timestamp + 7 days;
    }

    function clearLost(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        Rights storage rights = _rights[tokenId];
        bool may =
            rights.lost && rights.clearsAt != 0 && block.timestamp >= rights.clearsAt && !rights.recovering;
        bool done = _try(who, abi.encodeCall(IWearableRights.clearLost, (tokenId)));
        _expect(done == may, may ? "lost could not be cleared" : "lost was cleared too early");
        if (done) (rights.lost, rights.clearsAt) = (false, 0);
    }

    function revoke(uint256 who, uint256 token, uint16 reason) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        bool may = _isIssuer(actor(who)) && owners[tokenId] != address(0);
        bool done = _try(who, abi.encodeCall(IWearableRights.revoke, (tokenId, reason % 3)));
        _expect(done == may, may ? "the issuer could not revoke" : "somebody else revoked");
        if (done) _rights[tokenId].revoked = reason % 3 != 0;
    }

    function acceptRevision(uint256 who, uint256 token, uint256 revision, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        bytes32 digest = _revision(revision);
        bytes memory act = abi.encodeCall(IWearableRights.acceptRevision, (tokenId, digest));
        string memory text =
            "AcceptRevision(uint256 tokenId,bytes32 designDigest,address account,uint256 nonce,uint256 deadline)";
        bool proposed = digest == 0 || _proposed[uint64(tokenId >> 64)][digest];
        may = may && proposed && !_rights[tokenId].lost;
        if (_act(who, act, text, signed, may)) _rights[tokenId].revision = digest;
    }

    // ---- Piece or wearable

    function choose(uint256 who, uint256 token, uint8 kept, bool signed) external {
        uint256 tokenId;
        bool may;
        (who, tokenId, may) = _choose(who, token);
        if (tokenId == 0) return;
        kept = kept % 8 == 0 ? 1 : kept % 8 == 1 ? 3 : 2;
        bytes memory act = abi.encodeCall(IWearableRights.choose, (tokenId, kept));
        string memory text =
            "Choose(uint256 tokenId,uint8 kept,address account,uint256 nonce,uint256 deadline)";
        (uint256 chooseBy,) = _choiceOf(tokenId);
        may = may && chooseBy != 0 && kept != 3 && block.timestamp <= chooseBy && _isUndecided(tokenId);
        if (_act(who, act, text, signed, may)) _keep(tokenId, kept);
    }

    function settle(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        (uint256 chooseBy, uint8 byDefault) = _choiceOf(tokenId);
        bool may = owners[tokenId] != address(0) && byDefault != 0 && block.timestamp > chooseBy
            && !_rights[tokenId].recovering && _isUndecided(tokenId);
        bool done = _try(who, abi.encodeCall(IWearableRights.settle, (tokenId)));
        _expect(done == may, may ? "a choice was not settled" : "a choice was settled too early");
        if (done) _keep(tokenId, byDefault);
    }

    function _isUndecided(uint256 tokenId) private view returns (bool) {
        Rights storage rights = _rights[tokenId];
        return !rights.lost && !rights.choosing && !rights.kept;
    }

    function _choiceOf(uint256 tokenId) private view returns (uint256 chooseBy, uint8 byDefault) {
        uint256 terms = _termsOf(uint64(tokenId >> 64));
        return (uint40(terms >> 40), uint8(terms >> 80));
    }

    function _keep(uint256 tokenId, uint8 kept) private {
        if (kept == 2) {
            _rights[tokenId].choosing = true;
            return;
        }
        burned[tokenId] = true;
        _moved(tokenId, address(0));
    }

    function attestRetired(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        Rights storage rights = _rights[tokenId];
        bool issuer = _isIssuer(actor(who));
        bool custodian = _custodians[uint64(tokenId >> 64)] == actor(who);
        bool may = owners[tokenId] != address(0) && rights.choosing && (issuer || custodian);
        bool done = _try(who, abi.encodeCall(IWearableRights.attestRetired, (tokenId, bytes32(who))));
        _expect(done == may, may ? "an attestation was refused" : "somebody attested");
        if (!done) return;
        if (issuer) rights.issuerAttested = true;
        if (custodian) rights.custodianAttested = true;
        rights.kept = rights.issuerAttested && rights.custodianAttested;
        rights.choosing = !rights.kept;
    }

    function setCustodian(uint256 who, uint64 designId, uint256 to) external {
        designId = designId % DESIGNS + 1;
        address present = _custodians[designId];
        bool may = present == address(0) ? _isIssuer(actor(who)) : present == actor(who);
        bool done = _try(who, abi.encodeCall(IWearableRights.setCustodian, (designId, actor(to))));
        _expect(done == may, may ? "a custodian could not be named" : "somebody named a custodian");
        if (done) _custodians[designId] = actor(to);
    }

    /// Of the nonces that this crowd signs with next, or has signed with.
    function cancelNonce(uint256 who, uint8 distance) external {
        uint256 nonce = _nonce + distance % 4;
        bool may = !_used[actor(who)][nonce];
        bool done = _try(who, abi.encodeCall(IWearableRights.cancelNonce, (nonce)));
        _expect(done == may, may ? "a nonce could not be given up" : "a nonce was given up twice");
        if (done) _used[actor(who)][nonce] = true;
    }

    // ---- ERC-721

    /// By any of the three ways of ERC-721.
    function transfer(uint256 who, uint256 token, uint256 to, uint8 way) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        address owner = owners[tokenId];
        bool may = owner != address(0) && !_rights[tokenId].lost
            && (actor(who) == owner
                || _operators[owner][actor(who)]
                || _rights[tokenId].approved == actor(who));
        // A contract that is no receiver refuses what is sent with a question.
        if (way % 3 != 0) may = may && actor(to).code.length == 0;
        bool done = _try(who, _transferCall(owner, actor(to), tokenId, way));
        _expect(done == may, may ? "a transfer was stopped" : "somebody else moved a token");
        if (done) _moved(tokenId, actor(to));
    }

    function _transferCall(address from, address to, uint256 tokenId, uint8 way)
        private
        pure
        returns (bytes memory)
    {
        if (way % 3 == 0) return abi.encodeCall(IERC721.transferFrom, (from, to, tokenId));
        if (way % 3 == 1) {
            return abi.encodeWithSignature("safeTransferFrom(address,address,uint256)", from, to, tokenId);
        }
        string memory withData = "safeTransferFrom(address,address,uint256,bytes)";
        return abi.encodeWithSignature(withData, from, to, tokenId, "data");
    }

    function approve(uint256 who, uint256 token, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        address owner = owners[tokenId];
        bool may = owner != address(0) && (actor(who) == owner || _operators[owner][actor(who)]);
        bool done = _try(who, abi.encodeCall(IERC721.approve, (actor(to), tokenId)));
        _expect(done == may, may ? "an owner could not approve" : "somebody else approved");
        if (done) _rights[tokenId].approved = actor(to);
    }

    function approveAll(uint256 who, uint256 to, bool approved) external {
        bool done = _try(who, abi.encodeCall(IERC721.setApprovalForAll, (actor(to), approved)));
        _expect(done, "an owner could not approve");
        _operators[actor(who)][actor(to)] = approved;
    }

    // ---- Notes

    /// Who acts, a token (0: there is none yet), and whether the one owns the other. Mostly the owner acts.
    function _choose(uint256 who, uint256 token) private view returns (uint256, uint256, bool) {
        if (tokenIds.length == 0) return (who, 0, false);
        uint256 tokenId = tokenIds[token % tokenIds.length];
        if (token >> 16 & 3 != 0 && owners[tokenId] != address(0)) who = _seatOf(owners[tokenId]);
        return (who, tokenId, owners[tokenId] == actor(who));
    }

    /// Which actor that is; the first for nobody's token.
    function _seatOf(address account) internal view returns (uint256) {
        for (uint256 i = 0; i < 6; ++i) {
            if (actor(i) == account) return i;
        }
        return 0;
    }

    /// The act, sent by `who` or signed by `who` and sent by a stranger.
    function _act(uint256 who, bytes memory act, string memory text, bool signed, bool may)
        private
        returns (bool done)
    {
        if (!signed) {
            done = _try(who, act);
        } else {
            bytes memory arguments = new bytes(act.length - 4);
            for (uint256 i = 0; i < arguments.length; ++i) {
                arguments[i] = act[i + 4];
            }
            // One in eight repeats a nonce, which some account or other may have used.
            uint256 nonce = ++_nonce % 8 == 0 ? _nonce - 1 : _nonce;
            // One in sixteen is for another account than the owner's.
            address account = actor(_nonce % 16 == 5 ? who % 6 + 1 : who);
            may = may && !_used[actor(who)][nonce] && _signs(who) && account == actor(who);
            bytes memory end = abi.encode(account, nonce, DEADLINE);
            bytes32 hash = _typed(keccak256(bytes.concat(keccak256(bytes(text)), arguments, end)));
            bytes memory signature = _sign(key(who), hash);
            done = _tryAsStranger(
                abi.encodeCall(IWearableRights.actBySignature, (act, nonce, DEADLINE, signature))
            );
            if (done) _used[actor(who)][nonce] = true;
        }
        _expect(done == may, string.concat(may ? "an owner could not: " : "somebody could: ", text));
    }

    /// A move, or a burn, ends what its owner had begun.
    function _moved(uint256 tokenId, address to) internal {
        owners[tokenId] = to;
        Rights storage rights = _rights[tokenId];
        (rights.offeredTo, rights.until, rights.user, rights.expires) = (address(0), 0, address(0), 0);
        (rights.approved, rights.recovering, rights.byGuardians) = (address(0), false, false);
    }
}
