// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {Issuers} from "./Issuers.sol";

/// @title What takes tokens out of batches
abstract contract Minters is Issuers {
    function claim(uint256 who, uint256 batch, uint64 offset, uint256 to, uint256 signer) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        bool may = _isOpen(chosen, tokenId, true) && _isClaimKey(tokenId, signer);
        bool done = _try(who, _claimCall(chosen, tokenId, actor(to), _signingKey(tokenId, signer)));
        _expect(done == may, may ? "a claim was stopped" : "claimed without the claim key");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    function _claimCall(Committed storage chosen, uint256 tokenId, address to, uint256 signingKey)
        private
        view
        returns (bytes memory)
    {
        bytes32 digest = _digestOf(tokenId);
        address claimKey = _claimAddress(chosen, tokenId);
        bytes32[] memory proof = _proof(chosen, tokenId);
        bytes memory signature = _sign(signingKey, _claimHash(tokenId, digest, to));
        return abi.encodeCall(
            IWearableCollection.claim,
            (chosen.root, tokenId, digest, claimKey, to, DEADLINE, proof, signature)
        );
    }

    function mint(uint256 who, uint256 batch, uint64 offset, uint256 to) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        bool may = _isOpen(chosen, tokenId, false) && _mayMint(who, tokenId);
        bytes32 digest = _digestOf(tokenId);
        bytes memory call = abi.encodeCall(
            IWearableCollection.mint, (chosen.root, tokenId, digest, actor(to), _proof(chosen, tokenId))
        );
        bool done = _try(who, call);
        _expect(done == may, may ? "a minter was stopped" : "minted what was not the minter's");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    /// A voucher in the name of `minter`; every second one is signed by somebody else.
    function mintByVoucher(uint256 minter, uint256 batch, uint64 offset, uint256 to, uint256 signer)
        external
    {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        if (signer % 2 == 0) signer = minter;
        bool may = _isOpen(chosen, tokenId, false) && _mayMint(minter, tokenId)
            && actor(signer) == actor(minter) && _signs(minter);
        bool done = _tryAsStranger(_voucherCall(chosen, tokenId, actor(to), actor(minter), key(signer)));
        _expect(done == may, may ? "a voucher was refused" : "a voucher minted what it may not");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    function _mayMint(uint256 minter, uint256 tokenId) private view returns (bool) {
        return _minters[actor(minter)] && block.timestamp > _pausedUntil && _replacement(tokenId) != WITHDRAWN;
    }

    function _voucherCall(
        Committed storage chosen,
        uint256 tokenId,
        address to,
        address minter,
        uint256 signingKey
    ) private view returns (bytes memory) {
        bytes32 digest = _digestOf(tokenId);
        bytes32[] memory proof = _proof(chosen, tokenId);
        bytes memory signature = _sign(signingKey, _voucherHash(tokenId, digest, to));
        return abi.encodeCall(
            IWearableCollection.mintByVoucher,
            (chosen.root, tokenId, digest, to, minter, DEADLINE, proof, signature)
        );
    }

    function _voucherHash(uint256 tokenId, bytes32 digest, address to) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");
        return _typed(keccak256(abi.encode(typeHash, tokenId, digest, to, DEADLINE)));
    }

    function _claimHash(uint256 tokenId, bytes32 digest, address to) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");
        return _typed(keccak256(abi.encode(typeHash, tokenId, digest, to, DEADLINE)));
    }
}
