// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What can be done with a wearable that exists, and by whom
/// @notice The other half of a collection (IWearableCollection.sol): the rights of owners, and the few
/// things others may do, each within limits that are published here. Lending is ERC-4907, whose
/// functions and event stand in Standards.sol.
///
/// Who may do what with a token:
/// - its owner: give it away, burn it, lend it (nobody lends for it, approved accounts neither), offer it
///   to a key, mark it lost, choose between it and its piece, accept a revision of its design. Each of
///   these also by a signature that anybody submits, see actBySignature;
/// - whom the owner approved: move it (ERC-721), nothing else;
/// - the key it is offered to: take it, until the date of the offer;
/// - the issuer's account: revoke it for a reason and lift that, which shows and stops nothing; attest that
///   its piece is retired; recover it within the terms of its design, see IRecovery.sol;
/// - the custodian of its piece: attest that the piece is retired;
/// - whom the owner named before: executors and guardians, see IEstate.sol and IRecovery.sol.
/// Nobody else moves, burns or stops anything; default and deadline of a choice stand in the terms.
///
/// Lost is the owner's own brake, for an account that somebody else has got into: while it is set
/// nothing moves, is lent, offered, taken, burned, chosen or revised, whoever signs for the owner. Taking
/// it off takes the guardians or 7 days, because the thief signs for the owner too, and waits for the end of
/// a recovery. A thief who is faster than the owner is not stopped by it.
///
/// A recovery that has begun shows (flag 203, saleStatus) and stops neither owner nor market: a move ends it.
/// It stops only what anybody could do to defeat it: settling a choice, and taking the lost flag off.
///
/// Trusts: Estate and Recovery, immutables of the implementation without owner or upgrade, to move a token
/// for its owner as their interfaces say and not otherwise; the issuer's account, for what it revokes,
/// proposes and attests; the custodian, for what it attests; accounts with code, for what they sign, as of
/// the moment it is submitted.
interface IWearableRights {
    /// @notice The flags of the token are now `flags` (see wordOf, bits 200–255 counted from 0). Said
    /// whenever any changes, other than when a burn sets the burned flag, which ERC-721's Transfer says.
    event RightsChanged(uint256 indexed tokenId, uint256 flags);

    /// @notice `owner` offers the token to `key` up to and including second `until`; the zero key ends it.
    event Offered(uint256 indexed tokenId, address indexed owner, address indexed key, uint256 until);

    /// @notice The lost flag may be taken off from second `clearsAt` on; 0: no longer, it was marked again, or a
    /// recovery ended, or guardians took it off at once.
    event LostClearing(uint256 indexed tokenId, uint256 clearsAt);

    /// @notice The issuer revoked the token for `reason`, or with 0 lifts the revocation.
    event Revoked(uint256 indexed tokenId, uint16 reason);

    /// @notice Of piece and wearable, `owner` keeps 1 the piece (the wearable is burned in this transaction,
    /// and who holds the piece owes it to `owner`) or 2 the wearable. `byDefault`: nobody chose in time, and
    /// the terms did.
    event Chosen(uint256 indexed tokenId, address indexed owner, uint8 kept, bool byDefault);

    /// @notice `by`, issuer or custodian, attests that the piece is retired. `evidence` is SHA-256 of what
    /// shows it, or 0.
    event Retired(uint256 indexed tokenId, address indexed by, bytes32 evidence);

    /// @notice `custodian` holds the pieces of the design.
    event CustodianChanged(uint64 indexed designId, address indexed custodian);

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

    /// @notice Somebody else claims the token for its owner, and what would defeat that waits for its end.
    error TokenRecovering(uint256 tokenId);

    /// @notice The design has nothing to choose, or no default to settle by; or `kept` is neither 1 nor 2.
    error NothingToChoose(uint256 tokenId);

    /// @notice The time to choose ended with second `chooseBy`; or has not ended, and nothing is settled yet.
    error NotTheTime(uint256 chooseBy);

    /// @notice The choice was made.
    error AlreadyChosen(uint256 tokenId);

    /// @notice The wearable was not chosen over its piece, or the piece is retired already.
    error NotChoosing(uint256 tokenId);

    /// @notice `caller` may not do this: neither issuer nor custodian, or not the contract that may.
    error NotAllowed(address caller);

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
    /// token id. A transfer by whatever way ends a loan, an offer, an approval and a recovery; what is revoked
    /// stays revoked, and what is chosen stays chosen.
    /// Reverts: NotTokenOwner, TokenLost, ERC-721's errors.
    function give(uint256 tokenId, address to) external;

    /// @notice Destroys the token for good; its word keeps the burned flag and the serial never returns.
    /// Owner only: neither approved accounts nor the issuer. Releases no piece: for that, choose.
    /// @dev Reverts: NotTokenOwner, TokenLost, ERC-721's errors.
    function burn(uint256 tokenId) external;

    /// @notice Offers the token to whoever has `key`, up to and including second `until`. Owner only. One
    /// offer a token: this one replaces what was offered before; the zero key only ends that.
    /// @dev An offer does not hold the token: its owner may still do everything with it. It ends when the
    /// token moves or is marked lost. Payment, if any, is between the parties. Never offer a token twice to one
    /// key until the same second: what the key signed for the first offer would count for the second.
    /// Reverts: NotTokenOwner, TokenLost, BadTime.
    /// @param key The address of a key that signs; accounts with code are not asked.
    function offer(uint256 tokenId, address key, uint64 until) external;

    /// @notice Takes what is offered, to the receiver that the offered key names. Anybody may submit it;
    /// who copies the call can change nothing in it. No callback into the receiver.
    /// @dev Typed data: Take(uint256 tokenId,address from,address to,uint256 until), with the owner who
    /// offers and the date of the offer: that date is the deadline, and with owner and token the nonce, as long
    /// as the owner gives each offer to the key another second.
    /// Reverts: NotOffered, BadSignature, TokenLost, ERC-721's error for the zero receiver.
    /// @param signature The offered key's, 65 bytes r ‖ s ‖ v.
    function take(uint256 tokenId, address to, bytes calldata signature) external;

    /// @notice Says that somebody else has the owner's account. Owner only. Ends an offer; marking again
    /// also calls off a clearing that was asked for.
    /// @dev Loans go on, and so do approvals, a thief's among them: they move nothing while the flag is set and
    /// count again without it. So the owner takes them back first, which the flag does not stop.
    /// Reverts: NotTokenOwner.
    function markLost(uint256 tokenId) external;

    /// @notice Asks to take the lost flag off, 7 days from now. Owner only.
    /// @dev The end of a recovery, whoever ends it, calls that off: then it is asked again, and 7 days begin anew.
    /// Reverts: NotTokenOwner, TokenNotLost.
    function askClearLost(uint256 tokenId) external;

    /// @notice Takes the lost flag off when 7 days have passed since that was asked and no recovery is under
    /// way. Anybody may.
    /// @dev Reverts: TokenNotLost, LostNotClearing, TokenRecovering.
    function clearLost(uint256 tokenId) external;

    /// @notice Revokes the token for a reason, or with reason 0 lifts that. Issuer's account only. It shows:
    /// worlds undress it and markets refuse it. It stops nothing here.
    /// @dev Reverts: NotIssuer of IWearableCollection, ERC-721's error for a token that does not exist.
    /// @param reason The issuer's reason code, from the list that it publishes.
    function revoke(uint256 tokenId, uint16 reason) external;

    /// @notice Chooses between piece and wearable, for good, up to and including second chooseBy of the design's
    /// terms. Owner only. 1, the piece: the wearable is burned, and the piece is released to the owner, by
    /// whoever holds it, when the block is final. 2, the wearable: the piece is given up, and the token shows
    /// as choosing until issuer and custodian both attest that the piece is retired.
    /// @dev Reverts: NotTokenOwner, NothingToChoose, NotTheTime, TokenLost, AlreadyChosen.
    function choose(uint256 tokenId, uint8 kept) external;

    /// @notice Does what the terms say when nobody chose in time: default 1 burns the wearable, and the piece is
    /// owed to its owner; default 2 gives up the piece. Anybody may, after chooseBy. Waits while the token is
    /// lost or recovering, when nobody knows whom the piece would go to.
    /// @dev Reverts: NothingToChoose, NotTheTime, TokenRecovering, TokenLost, AlreadyChosen, ERC-721's error
    /// for a token that does not exist.
    function settle(uint256 tokenId) external;

    /// @notice Attests that the piece of a wearable that was chosen over it is retired. Issuer's account and the
    /// design's custodian, each for itself; with both, the choice is complete: kept in place of choosing.
    /// @dev An issuer that named itself custodian attests for both. custodianOf does not show that once it has
    /// handed over to somebody else; the events do for ever: `by` of Retired beside CustodianChanged.
    /// Reverts: NotChoosing, NotAllowed, ERC-721's error for a token that does not exist.
    /// @param evidence SHA-256 of what shows it, or 0.
    function attestRetired(uint256 tokenId, bytes32 evidence) external;

    /// @notice Names who holds the pieces of a design: the issuer's account names the first, and from then on
    /// only the custodian hands over to the next, so that an issuer cannot pass it by. A custodian that is
    /// gone leaves its wearables choosing.
    /// @dev Reverts: NotAllowed (also for the zero custodian).
    function setCustodian(uint64 designId, address custodian) external;

    /// @notice Makes the token follow a revision of its design that the issuer proposes; with zero, the
    /// design as it was first committed. Owner only.
    /// @dev Reverts: NotTokenOwner, TokenLost, NoSuchRevision.
    function acceptRevision(uint256 tokenId, bytes32 designDigest) external;

    /// @notice Does one of the owner's acts, which the owner signed. Anybody may submit it, once.
    /// @dev `act` is the call itself, selector and arguments. Typed data: the act's name with a capital, its
    /// arguments, then the owner's account, nonce and deadline:
    /// Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)
    /// Burn(uint256 tokenId,address account,uint256 nonce,uint256 deadline)
    /// SetUser(uint256 tokenId,address user,uint64 expires,address account,uint256 nonce,uint256 deadline)
    /// Offer(uint256 tokenId,address key,uint64 until,address account,uint256 nonce,uint256 deadline)
    /// MarkLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)
    /// AskClearLost(uint256 tokenId,address account,uint256 nonce,uint256 deadline)
    /// AcceptRevision(uint256 tokenId,bytes32 designDigest,address account,uint256 nonce,uint256 deadline)
    /// Choose(uint256 tokenId,uint8 kept,address account,uint256 nonce,uint256 deadline)
    ///
    /// The owner is who owns the token at that moment; with code, it is asked by ERC-1271. Its account is signed
    /// too, so what a key signs for a wallet is no act of the key's own account. Nonces are the
    /// account's, in any order, each once; cancelNonce gives one up. Approvals are no acts: a signature
    /// that lets somebody else act later is what phishing asks for, while these name what happens.
    /// Reverts: DeadlinePassed, NotAnAct, BadSignature, NonceAlreadyUsed, and as the act.
    /// @param deadline Last second, by the block's timestamp, at which the signature counts.
    function actBySignature(bytes calldata act, uint256 nonce, uint256 deadline, bytes calldata signature)
        external;

    /// @notice Gives up a nonce of the sender, so that what it signed with it is dead.
    /// @dev Reverts: NonceAlreadyUsed.
    function cancelNonce(uint256 nonce) external;

    /// @notice Moves a token for its owner, out of the account that may be lost: the lost flag is taken off.
    /// Estate and Recovery only. No callback into the receiver.
    /// @dev Reverts: NotAllowed, NotTokenOwner when `owner` does not own the token, ERC-721's errors.
    function moveFor(address owner, uint256 tokenId, address to) external;

    /// @notice Clears and sets flags for the owner of a token: recovering and by guardians both ways, lost only
    /// off. Whatever is cleared, a clearing of lost that was asked for is called off. Recovery only.
    /// @dev Reverts: NotAllowed (other flags too), NotTokenOwner, ERC-721's error for a token that does not exist.
    /// @param cleared Bits of the owner word to clear.
    /// @param set Bits of the owner word to set after that.
    function changeFor(address owner, uint256 tokenId, uint256 cleared, uint256 set) external;

    /// @notice What a market asks before a sale. If any is true, a buyer would get less than it seems.
    /// @return lost The seller may not be who it should be, and the token does not move.
    /// @return revoked The issuer has a reason against it.
    /// @return recovering Somebody else claims it for its owner, or in the owner's name.
    /// @return lent Somebody uses it now. The loan ends with the sale.
    /// @return choosing Its piece is given up and not yet retired; or the time to choose is over and what the
    /// terms do by default is still to be done, which may be to burn it.
    function saleStatus(uint256 tokenId)
        external
        view
        returns (bool lost, bool revoked, bool recovering, bool lent, bool choosing);

    /// @notice The token's storage word: bits 0–159 owner, 160–199 the user's expiry in seconds (that second
    /// included; 0: not lent), 200–255 flags: 200 burned, 201 lost, 202 revoked, 203 recovering, 204 choosing
    /// (the piece is given up, not yet retired), 205 offered, 206 the recovery is the guardians', 207 kept (the
    /// piece is retired), 208 and 209 issuer and custodian attested. The rest are zero. Zero: never minted.
    function wordOf(uint256 tokenId) external view returns (uint256 word);

    /// @notice To which key the token is offered and up to which second, and from when on its lost flag may
    /// be taken off (0: nobody asked).
    function begunOf(uint256 tokenId)
        external
        view
        returns (address offeredTo, uint40 offerUntil, uint40 lostClearsAt);

    /// @notice The digest of the design document that the token follows.
    function designDigestOf(uint256 tokenId) external view returns (bytes32 designDigest);

    /// @notice Who holds the pieces of the design now; zero: nobody was named. Who held them when a piece was
    /// attested to be retired is in the events: Retired and CustodianChanged.
    function custodianOf(uint64 designId) external view returns (address);

    /// @notice The contract that carries out wills; the same for every clone.
    function estate() external view returns (address);

    /// @notice The contract that carries out recoveries; the same for every clone.
    function recovery() external view returns (address);

    /// @notice Whether `account` has used, or given up, this nonce.
    function isNonceUsed(address account, uint256 nonce) external view returns (bool);
}
