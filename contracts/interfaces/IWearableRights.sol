// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What can be done with a wearable that exists, and by whom
/// @notice The other half of a collection (IWearableCollection.sol): the rights of owners, and the few
/// things others may do, each within limits that are published here. Lending is ERC-4907, whose
/// functions and event stand in Standards.sol.
///
/// Who may do what with a token:
/// - its owner: give it away, burn it, lend it (nobody lends for it, approved accounts neither), offer it
///   to a key, mark it lost, accept a revision of its design. Each of these also by a signature that
///   anybody submits, see actBySignature;
/// - whom the owner approved: move it (ERC-721), nothing else;
/// - the key it is offered to: take it, until the date of the offer;
/// - the issuer's account: revoke it for a reason and lift that, which shows and stops nothing.
/// Nobody else moves, burns or stops anything.
///
/// Lost is the owner's own brake, for an account that somebody else has got into: while it is set
/// nothing moves, is lent, offered, taken, burned or revised, whoever signs for the owner. Taking it off
/// takes 7 days, because the thief signs for the owner too. A thief who is faster than the owner is not
/// stopped by it.
///
/// Trusts: nobody but the issuer's account, for what it revokes and proposes; accounts with code, for
/// what they sign, as of the moment it is submitted.
interface IWearableRights {
    /// @notice The flags of the token are now `flags` (see wordOf, bits 200–255 counted from 0). Said
    /// whenever any changes, other than when a burn sets the burned flag, which ERC-721's Transfer says.
    event RightsChanged(uint256 indexed tokenId, uint256 flags);

    /// @notice `owner` offers the token to `key` up to and including second `until`; the zero key ends it.
    event Offered(uint256 indexed tokenId, address indexed owner, address indexed key, uint256 until);

    /// @notice The lost flag may be taken off from second `clearsAt` on; 0: no longer, it was marked again.
    event LostClearing(uint256 indexed tokenId, uint256 clearsAt);

    /// @notice The issuer revoked the token for `reason`, or with 0 lifts the revocation.
    event Revoked(uint256 indexed tokenId, uint16 reason);

    /// @notice The token now follows this design document; zero: the one of the design's first commit.
    event RevisionAccepted(uint256 indexed tokenId, bytes32 designDigest);

    /// @notice `account` can no longer use this nonce in a signature.
    event NonceUsed(address indexed account, uint256 nonce);

    /// @notice `caller` does not own the token.
    error NotTokenOwner(uint256 tokenId, address caller);

    /// @notice The owner marked the token lost: nothing is done with it.
    error TokenLost(uint256 tokenId);

    /// @notice The token is not marked lost.
    error TokenNotLost(uint256 tokenId);

    /// @notice Nobody asked to take the lost flag off, or the 7 days are not over.
    error LostNotClearing(uint256 tokenId, uint256 clearsAt);

    /// @notice The token is offered to nobody, or to whom it was offered the time is over.
    error NotOffered(uint256 tokenId);

    /// @notice A time before now, or beyond 2^40 − 1 seconds.
    error BadTime(uint256 time);

    /// @notice The issuer does not propose this document as a revision of the token's design.
    error NoSuchRevision(bytes32 designDigest);

    /// @notice These bytes are no call of an owner's act.
    error NotAnAct(bytes4 selector);

    /// @notice The account has used, or given up, this nonce.
    error NonceAlreadyUsed(address account, uint256 nonce);

    /// @notice Moves the token to `to`. Owner only. No callback into the receiver.
    /// @dev The same as ERC-721's transferFrom by the owner; here because every owner's act begins with the
    /// token id. A transfer by whatever way ends a loan, an offer and an approval; what is revoked stays
    /// revoked.
    /// Reverts: NotTokenOwner, TokenLost, ERC-721's errors.
    function give(uint256 tokenId, address to) external;

    /// @notice Destroys the token for good; its word keeps the burned flag and the serial never returns.
    /// Owner only: neither approved accounts nor the issuer.
    /// @dev Reverts: NotTokenOwner, TokenLost, ERC-721's errors.
    function burn(uint256 tokenId) external;

    /// @notice Offers the token to whoever has `key`, up to and including second `until`. Owner only. One
    /// offer a token: this one replaces what was offered before; the zero key only ends that.
    /// @dev An offer does not hold the token: its owner may still do everything with it. It ends when the
    /// token moves or is marked lost. Payment, if any, is between the parties.
    /// Reverts: NotTokenOwner, TokenLost, BadTime.
    /// @param key The address of a key that signs; accounts with code are not asked.
    function offer(uint256 tokenId, address key, uint64 until) external;

    /// @notice Takes what is offered, to the receiver that the offered key names. Anybody may submit it;
    /// who copies the call can change nothing in it. No callback into the receiver.
    /// @dev Typed data: Take(uint256 tokenId,address from,address to,uint256 until), with the owner who
    /// offers and the date of the offer: that date is the deadline, and with owner and token the nonce.
    /// Reverts: NotOffered, BadSignature, TokenLost, ERC-721's error for the zero receiver.
    /// @param signature The offered key's, 65 bytes r ‖ s ‖ v.
    function take(uint256 tokenId, address to, bytes calldata signature) external;

    /// @notice Says that somebody else has the owner's account. Owner only. Ends an offer; marking again
    /// also calls off a clearing that was asked for.
    /// @dev Loans go on. Reverts: NotTokenOwner.
    function markLost(uint256 tokenId) external;

    /// @notice Asks to take the lost flag off, 7 days from now. Owner only.
    /// @dev Reverts: NotTokenOwner, TokenNotLost.
    function askClearLost(uint256 tokenId) external;

    /// @notice Takes the lost flag off when 7 days have passed since that was asked. Anybody may.
    /// @dev Reverts: TokenNotLost, LostNotClearing.
    function clearLost(uint256 tokenId) external;

    /// @notice Revokes the token for a reason, or with reason 0 lifts that. Issuer's account only. It shows:
    /// worlds undress it and markets refuse it. It stops nothing here.
    /// @dev Reverts: NotIssuer of IWearableCollection, ERC-721's error for a token that does not exist.
    /// @param reason The issuer's reason code, from the list that it publishes.
    function revoke(uint256 tokenId, uint16 reason) external;

    /// @notice Makes the token follow a revision of its design that the issuer proposes; with zero, the
    /// design as it was first committed. Owner only.
    /// @dev Reverts: NotTokenOwner, TokenLost, NoSuchRevision.
    function acceptRevision(uint256 tokenId, bytes32 designDigest) external;

    /// @notice Does one of the owner's acts, which the owner signed. Anybody may submit it, once.
    /// @dev `act` is the call itself, selector and arguments. Typed data: the act's name with a capital, its
    /// arguments, then nonce and deadline:
    /// Give(uint256 tokenId,address to,uint256 nonce,uint256 deadline)
    /// Burn(uint256 tokenId,uint256 nonce,uint256 deadline)
    /// SetUser(uint256 tokenId,address user,uint64 expires,uint256 nonce,uint256 deadline)
    /// Offer(uint256 tokenId,address key,uint64 until,uint256 nonce,uint256 deadline)
    /// MarkLost(uint256 tokenId,uint256 nonce,uint256 deadline)
    /// AskClearLost(uint256 tokenId,uint256 nonce,uint256 deadline)
    /// AcceptRevision(uint256 tokenId,bytes32 designDigest,uint256 nonce,uint256 deadline)
    ///
    /// The owner is who owns the token at that moment; with code, it is asked by ERC-1271. Nonces are the
    /// account's, in any order, each once; cancelNonce gives one up. Approvals are no acts: a signature
    /// that lets somebody else act later is what phishing asks for, while these name what happens.
    /// Reverts: DeadlinePassed, NotAnAct, BadSignature, NonceAlreadyUsed, and as the act.
    /// @param deadline Last second, by the block's timestamp, at which the signature counts.
    function actBySignature(bytes calldata act, uint256 nonce, uint256 deadline, bytes calldata signature)
        external;

    /// @notice Gives up a nonce of the sender, so that what it signed with it is dead.
    /// @dev Reverts: NonceAlreadyUsed.
    function cancelNonce(uint256 nonce) external;

    /// @notice What a market asks before a sale. If any is true, a buyer would get less than it seems.
    /// @return lost The seller may not be who it should be, and the token does not move.
    /// @return revoked The issuer has a reason against it.
    /// @return lent Somebody uses it now. The loan ends with the sale.
    function saleStatus(uint256 tokenId) external view returns (bool lost, bool revoked, bool lent);

    /// @notice The token's storage word: bits 0–159 owner, 160–199 the user's expiry in seconds (that second
    /// included; 0: not lent), 200–255 flags: 200 burned, 201 lost, 202 revoked, 205 offered. Bits 203
    /// recovering and 204 choosing are reserved and read zero, as do the rest. Zero: never minted.
    function wordOf(uint256 tokenId) external view returns (uint256 word);

    /// @notice To which key the token is offered and up to which second, and from when on its lost flag may
    /// be taken off (0: nobody asked).
    function begunOf(uint256 tokenId)
        external
        view
        returns (address offeredTo, uint40 offerUntil, uint40 lostClearsAt);

    /// @notice The digest of the design document that the token follows.
    function designDigestOf(uint256 tokenId) external view returns (bytes32 designDigest);

    /// @notice Whether `account` has used, or given up, this nonce.
    function isNonceUsed(address account, uint256 nonce) external view returns (bool);
}
