// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title What becomes of an owner's wearables when the owner is gone
/// @notice One will for all collections: heirs, executors of whom a threshold must agree on one of the
/// heirs, and a moratorium of 30 days or more in which the owner need only show a sign of life. It reaches
/// what the owner owns at the end, in every collection whose implementation names this contract.
///
/// Who may do what:
/// - an owner: make, change and take back its will, and say that it is still here, which closes its
///   estate at any moment before a wearable is moved; each also by a signature that anybody submits;
/// - its executors, the threshold of them: open the estate for one heir of the will;
/// - anybody: carry it out when the moratorium is over.
/// No executor alone picks the heir: with more than one heir the threshold is two at least; with one,
/// the owner picked.
///
/// Modelled on ERC-7878 and not claimed to be it. There each contract keeps wills of its own, `bequeath` takes
/// no ids, so that a large wallet might never fit one transaction, and any one executor names the heir. Here
/// the will is one, wearables go by the ids that a call names, in as many calls as it takes, and executors
/// agree on an heir of the will.
///
/// The owner's acts elsewhere do not close an estate: an old signature would do it too, in the hand of
/// whoever prefers another heir. What the owner moves itself is its estate no more.
///
/// Guardians come before executors: what they are recovering waits (they say that the owner lives), as does
/// what is lost and being recovered by anybody. Executors come before the issuer, see IRecovery. What is
/// marked lost, and nobody recovers, is inherited: 30 days are longer than the 7 that a thief would wait. So a will
/// whose time came while a recovery was under way, a thief's will too, is carried out the moment the recovery ends
/// without effect. Guardians who correct one begin the next in the same transaction, or the owner, who has its key
/// too, closes the estate first.
///
/// Trusts: the executors of an owner, to keep to what the owner wanted; a collection that a call names,
/// only for what it says of itself.
/// @dev Typed data: SetWill(address[] heirs,address[] executors,uint8 threshold,uint40 moratorium,
/// address account,uint256 nonce,uint256 deadline), StillHere(address account,uint256 nonce,uint256
/// deadline), OpenEstate(address owner,address heir,address account,uint256 nonce,uint256 deadline);
/// see ISignedActs.
interface IEstate {
    /// @notice The will of `owner` is now this; without heirs there is none.
    event WillChanged(
        address indexed owner, address[] heirs, address[] executors, uint8 threshold, uint40 moratorium
    );

    /// @notice `executor` is for opening the estate of `owner` for `heir`.
    event ExecutorAgreed(address indexed owner, address indexed executor, address indexed heir);

    /// @notice The estate of `owner` goes to `heir` from second `readyAt` on, unless the owner says a word.
    event EstateOpened(address indexed owner, address indexed heir, uint256 readyAt);

    /// @notice `owner` is still here; what its executors said is void.
    event EstateClosed(address indexed owner);

    /// @notice The token went from `owner` to `heir`.
    event Bequeathed(
        address indexed owner, address indexed heir, address indexed collection, uint256 tokenId
    );

    /// @notice No heir or more than 16, one of them twice, zero or the owner; a moratorium below 30 days or above
    /// ten years; or one executor alone to pick among heirs.
    error BadWill();

    /// @notice The will does not name this heir.
    error NotHeir(address heir);

    /// @notice The estate is open for this heir already.
    error AlreadyOpen(address owner);

    /// @notice The executors did not open the estate, or its owner closed it.
    error NotOpen(address owner);

    /// @notice The estate waits for its owner until second `readyAt`.
    error InMoratorium(uint256 readyAt);

    /// @notice None of the tokens is to be had: not the owner's, or being recovered.
    error NothingToBequeath();

    /// @notice Makes the sender's will, in place of the one before; with no heirs, no executors and two zeros it
    /// has none. A sign of life: an open estate is closed.
    /// @dev In force at once: who could change it otherwise could as well move everything.
    /// Reverts: BadWill, BadCouncil.
    /// @param heirs 1 to 16 accounts.
    /// @param executors 1 to 16 accounts.
    /// @param threshold How many executors must agree; 2 at least when there is more than one heir.
    /// @param moratorium Seconds between their agreement and its effect, 30 days to ten years.
    function setWill(
        address[] calldata heirs,
        address[] calldata executors,
        uint8 threshold,
        uint40 moratorium
    ) external;

    /// @notice A sign of life of the sender: its estate is closed and what its executors said is void.
    /// @dev Reverts: never.
    function stillHere() external;

    /// @notice Says, as an executor of `owner`, that the estate is to be opened for `heir`. When the threshold
    /// has said so, the moratorium begins. Opening it for another heir begins another one.
    /// @dev Reverts: NotInCouncil, NotHeir, AlreadyOpen.
    function openEstate(address owner, address heir) external;

    /// @notice Moves these tokens of one collection to the heir, when the moratorium is over. Anybody may.
    /// @dev Tokens that are not the owner's, or are being recovered as said above, are passed over, so that
    /// nobody stops the others by moving one. No callback into the heir.
    /// Reverts: NotOpen, InMoratorium, NothingToBequeath, and as the collection does.
    function bequeath(address owner, address collection, uint256[] calldata tokenIds) external;

    /// @notice The will of `owner`; without heirs there is none.
    function willOf(address owner)
        external
        view
        returns (address[] memory heirs, address[] memory executors, uint8 threshold, uint40 moratorium);

    /// @notice For whom the estate of `owner` is open and from when on it is carried out; zeros: it is not open.
    function estateOf(address owner) external view returns (address heir, uint40 readyAt);
}
