// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What Estate and Recovery have in common: acts by signature, and people who agree
/// @notice Whoever may call one of their functions in its own name may also sign the call and have anybody
/// submit it. Typed data as in a collection: domain name "Vestiary", version "1", chain id and, as
/// verifying contract, the companion itself, so that no signature for one contract counts in another. Each
/// act has a type of its own, which its function names: its arguments, then the account whose act it is, then nonce
/// and deadline. So what a key signs for a wallet is never the act of the key's own account, nor a second voice.
/// Nonces are the account's, in any order, each once. So what was signed earlier and not submitted may come after
/// what was signed later, a will after a newer one, until its deadline or cancelNonce.
///
/// A council (a will's executors, an owner's guardians) is up to 16 accounts of which a threshold must say
/// the same. What one says lapses 30 days after the first said it, or sooner where the function says so, and is
/// spent when the council has decided.
///
/// Trusts: accounts with code, for what they sign, as of the moment it is submitted.
interface ISignedActs {
    /// @notice `account` can no longer use this nonce in a signature.
    event NonceUsed(address indexed account, uint256 nonce);

    /// @notice The signature's deadline lies before the block's timestamp.
    error DeadlinePassed(uint256 deadline);

    /// @notice The signature is not the account's for this act, account, nonce, deadline, chain and contract.
    error BadSignature();

    /// @notice These bytes are no call of an act.
    error NotAnAct(bytes4 selector);

    /// @notice The account has used, or given up, this nonce.
    error NonceAlreadyUsed(address account, uint256 nonce);

    /// @notice More than 16 accounts, one of them twice, zero or the owner, or a threshold that they cannot reach.
    error BadCouncil();

    /// @notice `account` is not one of the owner's council.
    error NotInCouncil(address account);

    /// @notice Does an act that `account` signed. Anybody may submit it, once.
    /// @dev Reverts: DeadlinePassed, NotAnAct, BadSignature, NonceAlreadyUsed, and as the act.
    /// @param account Who signed; with code, it is asked by ERC-1271.
    /// @param act The call itself, selector and arguments.
    /// @param deadline Last second, by the block's timestamp, at which the signature counts.
    function actBySignature(
        address account,
        bytes calldata act,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Gives up a nonce of the sender, so that what it signed with it is dead.
    /// @dev Reverts: NonceAlreadyUsed.
    function cancelNonce(uint256 nonce) external;

    /// @notice Whether `account` has used, or given up, this nonce.
    function isNonceUsed(address account, uint256 nonce) external view returns (bool);
}
