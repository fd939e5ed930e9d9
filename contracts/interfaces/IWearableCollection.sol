// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The wearables of one issuer's collection
/// @notice An ERC-721 contract in which every token was stated by the issuer before it existed: the
/// issuer commits batches of serials under a Merkle root, and a token is minted once, ever, by opening
/// a leaf of a committed batch. Also ERC-2981 (royalties), ERC-4906 (metadata changed) and ERC-7572
/// (contractURI), whose functions and events stand in Standards.sol.
///
/// tokenId = designId << 64 | serial, both uint64 from 1. So all copies of a design are one numeric
/// range, and token 0 never exists.
///
/// Who may do what:
/// - the issuer's account, as the registry names it at that moment: commit (itself, or by signature
///   that anybody submits), grant and take back the minter and the pauser role, change the claim key of
///   a serial that nobody claimed or withdraw it (with notice), propose revisions of a design, state
///   its licence once, change the base URI and the royalty;
/// - a minter: mint serials whose leaf names no claim key, itself or by voucher, and nothing else;
/// - a pauser: stop such mints, for 14 days at most;
/// - the holder of a claim key: have its one serial minted to the receiver it names.
/// Nobody delays a claim other than by the notice above; nobody changes an edition. What owners do, and
/// what can be done about a token that exists, stands in IWearableRights.sol, the other half of this
/// contract.
///
/// Trusts: the registry, an immutable of the implementation, for the issuer's account; that account
/// for what it commits (see commitBatch for what the contract cannot know). Metadata documents at
/// tokenURI follow ERC-4955: what one world wants to know stands in `namespaces`, beside all others'; without
/// a base URI it is the design document, which names a file for each world in its own words.
///
/// @dev Signatures are EIP-712, domain name "Vestiary", version "1", chain id and this contract.
/// Those of accounts without code are 65 bytes with s in the lower half; accounts with code are asked
/// by ERC-1271. Claim keys have no code and are never asked.
///
interface IWearableCollection {
    /// @notice Serials committed together, exactly as the issuer signs them (without the deadline).
    /// @param designId The design; the collection's next number when it was registered, from 1.
    /// @param firstSerial The first serial: the design's next one, so it also is the signature's nonce.
    /// @param count How many serials the batch covers, at least 1. Serials without a leaf are holes.
    /// @param edition How many serials the design can ever have; 0 = open.
    /// @param terms Terms that limit the owner: bits 0–39 recoveryUntil (seconds, 0 none), 40–79
    /// chooseBy (seconds, 0 none), 80–87 default (0 none, 1 physical, 2 digital), the rest zero.
    /// @param designDigest SHA-256 of the design document.
    /// @param root Root of the batch tree, see commitBatch.
    struct Batch {
        uint64 designId;
        uint64 firstSerial;
        uint64 count;
        uint64 edition;
        uint256 terms;
        bytes32 designDigest;
        bytes32 root;
    }

    /// @notice What a design's first commit fixed, and how far its serials have come.
    /// @param edition As in Batch.
    /// @param nextSerial The serial that the next batch starts with; 0 while the design is not open.
    /// @param terms As in Batch.
    /// @param designDigest As in Batch.
    struct Design {
        uint64 edition;
        uint64 nextSerial;
        uint256 terms;
        bytes32 designDigest;
    }

    /// @notice The collection exists, belongs to issuer `issuerId` and carries these texts for good.
    event CollectionInitialized(uint64 indexed issuerId, string name, string symbol);

    /// @notice First commit of a design: edition, terms and digest are fixed from here on.
    event DesignOpened(uint64 indexed designId, bytes32 designDigest, uint64 edition, uint256 terms);

    /// @notice The serials firstSerial … firstSerial + count − 1 are committed under `root`.
    event BatchCommitted(uint64 indexed designId, uint64 firstSerial, uint64 count, bytes32 indexed root);

    /// @notice The token was minted; `certificateDigest` is the digest its leaf carries.
    event Certified(uint256 indexed tokenId, bytes32 certificateDigest);

    /// @notice `minter` may, or may no longer, mint serials without claim key.
    event MinterChanged(address indexed minter, bool allowed);

    /// @notice `pauser` may, or may no longer, stop mints for a while.
    event PauserChanged(address indexed pauser, bool allowed);

    /// @notice No serial without claim key is minted up to and including second `until`.
    event MintingPaused(uint256 until);

    /// @notice From second `changesAt` on, the unclaimed serial is claimed by `newKey`; by nobody when
    /// that is the address 1: the serial is withdrawn. Until then by the key that it had.
    event ClaimKeyChanging(uint256 indexed tokenId, address indexed newKey, uint256 changesAt);

    /// @notice The issuer proposes, or no longer proposes, this document as a revision of the design.
    event RevisionProposed(uint64 indexed designId, bytes32 indexed designDigest, bool proposed);

    /// @notice The wearables of the design are under the licence with this SHA-256.
    event LicenceStated(uint64 indexed designId, bytes32 licenceDigest);

    /// @notice Metadata links now start with `baseUri`; empty: they are content addresses.
    event BaseUriChanged(string baseUri);

    /// @notice Sales are asked for `basisPoints` ten-thousandths of the price for `receiver`.
    event RoyaltyChanged(address indexed receiver, uint96 basisPoints);

    /// @notice The collection is initialised, or is the implementation, which is locked.
    error AlreadyInitialized();

    /// @notice `caller` is not the account of the collection's issuer.
    error NotIssuer(uint64 issuerId, address caller);

    /// @notice `caller` has no minter role.
    error NotMinter(address caller);

    /// @notice `caller` is neither pauser nor the issuer's account.
    error NotPauser(address caller);

    /// @notice A pause ends 14 days from now at the latest; it is never made longer, and until 14 days after its
    /// end there is no other. Nor is there anything to end when there is none.
    error PauseTooLong(uint256 until);

    /// @notice Minting is paused up to and including second `until`.
    error MintingIsPaused(uint256 until);

    /// @notice The token is no serial of a committed batch.
    error NotCommitted(uint256 tokenId);

    /// @notice The issuer withdrew the serial, and its notice is over.
    error SerialWithdrawn(uint256 tokenId);

    /// @notice The design's licence was stated before. It never changes.
    error LicenceFixed(uint64 designId);

    /// @notice The signature's deadline lies before the block's timestamp.
    error DeadlinePassed(uint256 deadline);

    /// @notice The signature is not one of the account or claim key that had to sign: wrong signer,
    /// another message, chain or contract, not 65 bytes, s in the upper half, or the zero address.
    error BadSignature();

    /// @notice Design number 0, or an empty design digest.
    error BadDesign();

    /// @notice Bits above 87 are set, or the default is none of 0, 1, 2.
    error BadTerms(uint256 terms);

    /// @notice An edition of 2^64 − 1: its last serial would leave no next one.
    error BadEdition(uint64 edition);

    /// @notice Edition, terms or digest differ from those of the design's first commit.
    error DesignFixed(uint64 designId);

    /// @notice A batch starts with the design's next serial.
    error BadSerial(uint64 expected, uint64 given);

    /// @notice A batch has at least one serial.
    error EmptyBatch();

    /// @notice The batch would reach `lastSerial`, past `limit`: the edition, or 2^64 − 2 when open.
    error EditionExceeded(uint64 limit, uint256 lastSerial);

    /// @notice The root is zero, or a batch has it already.
    error BadRoot(bytes32 root);

    /// @notice No batch of that root covers this token.
    error OutsideBatch(bytes32 root, uint256 tokenId);

    /// @notice The batch has no such leaf: another digest, another claim key, or a wrong proof.
    error NotInBatch(bytes32 root, uint256 tokenId);

    /// @notice The token exists, or existed and was burned. A serial is minted once, ever.
    error AlreadyMinted(uint256 tokenId);

    /// @notice Leaves without claim key are a minter's, not claimed; and the addresses 0 and 1 are no
    /// claim keys.
    error ZeroClaimKey();

    /// @notice Gives a fresh clone its issuer and texts. The factory calls it in the call that creates
    /// the clone; it works once, and never on the implementation.
    /// @dev Reverts: AlreadyInitialized, and the registry's UnknownIssuer.
    function initialize(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter
    ) external;

    /// @notice Commits a batch. Issuer's account only.
    /// @dev The first batch of a design opens it and fixes edition, terms and digest; later ones must
    /// repeat them. Serials follow one another without gap, each design by itself; designs may open in
    /// any order. The root is that of an OpenZeppelin StandardMerkleTree over (uint256 tokenId, bytes32
    /// certificateDigest, address claimKey).
    ///
    /// The contract cannot see into the tree. It assumes, and any copy of the log shows, that the tree
    /// has at most one leaf a serial and none outside the range. If it has more: leaves outside the
    /// range cannot be opened here, and of several leaves of a serial the first one opened counts.
    ///
    /// Reverts: NotIssuer, BadDesign, BadTerms, BadEdition, DesignFixed, BadSerial, EmptyBatch,
    /// EditionExceeded, BadRoot.
    function commitBatch(Batch calldata batch) external;

    /// @notice Commits a batch that the issuer's account signed. Anybody may submit it, once.
    /// @dev Typed data: CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,
    /// uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline). The signature is checked
    /// against the account that the issuer has now: that of an account before counts again should it return. It
    /// is spent, or dead, as soon as anything is committed at firstSerial; so an issuer cancels one by
    /// committing something else there.
    ///
    /// Reverts: as commitBatch, with DeadlinePassed and BadSignature in place of NotIssuer.
    /// @param deadline Last second, by the block's timestamp, at which the signature counts.
    /// @param signature 65 bytes r ‖ s ‖ v, or whatever the account's ERC-1271 wants.
    function commitBatchBySignature(Batch calldata batch, uint256 deadline, bytes calldata signature) external;

    /// @notice Mints the serial of a claim key to the receiver that this key names. Anybody may submit
    /// it; who copies the call can change nothing in it.
    /// @dev Typed data: Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline).
    /// The token id is the nonce: it is minted once, ever. No callback into the receiver, so a
    /// receiver can neither refuse nor re-enter. There is no pause. Whoever signs must be the key in the
    /// leaf, unless the issuer replaced it, see replaceClaimKey.
    ///
    /// Reverts: DeadlinePassed, ZeroClaimKey, OutsideBatch, NotInBatch, AlreadyMinted, SerialWithdrawn,
    /// BadSignature, and ERC-721's error for the zero receiver.
    /// @param root Root of the batch that covers the token.
    /// @param certificateDigest The certificate's digest, as in the leaf.
    /// @param claimKey The address of the claim key, as in the leaf; not zero.
    /// @param to Who gets the wearable.
    /// @param deadline Last second, by the block's timestamp, at which the signature counts.
    /// @param proof Siblings of the leaf, from the leaf up.
    /// @param signature The claim key's, 65 bytes r ‖ s ‖ v.
    function claim(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        address to,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external;

    /// @notice Mints a serial whose leaf names no claim key. Minters only.
    /// @dev A serial with a claim key cannot be minted here, whoever calls. No callback into the
    /// receiver. Reverts: MintingIsPaused, NotMinter, OutsideBatch, NotInBatch, AlreadyMinted,
    /// SerialWithdrawn, and ERC-721's error for the zero receiver.
    function mint(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        bytes32[] calldata proof
    ) external;

    /// @notice Mints a serial whose leaf names no claim key, by a voucher that a minter signed. Anybody
    /// may submit it; the voucher counts while its signer is a minter, so again when it is one again: its
    /// deadline is what ends it for good.
    /// @dev Typed data: Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline).
    /// The token id is the nonce. Accounts with code are asked by ERC-1271.
    ///
    /// Reverts: as mint, of which NotMinter concerns `minter`, and DeadlinePassed, BadSignature.
    /// @param minter Who signed; a minter now.
    /// @param deadline Last second, by the block's timestamp, at which the voucher counts.
    function mintByVoucher(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        address minter,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external;

    /// @notice Gives a serial that was not minted another claim key, 7 days from now: a garment came back,
    /// a label was lost. Issuer's account only. Until then the key it has claims as ever; a change that
    /// is under way is replaced by this one.
    /// @dev Says nothing about a serial whose leaf names no claim key: that one stays the minters'.
    /// Reverts: NotIssuer, ZeroClaimKey, NotCommitted, AlreadyMinted.
    function replaceClaimKey(uint256 tokenId, address newKey) external;

    /// @notice The same at once, because the present key signed for it too. Issuer's account only.
    /// @dev Typed data: ReplaceClaimKey(uint256 tokenId,address newKey,uint256 deadline). The leaf is
    /// opened, since it may be what names the present key. A change under way is cancelled. Nothing spends the
    /// signature: it counts again, until its deadline, should its signer become the present key again.
    /// Reverts: NotIssuer, DeadlinePassed, ZeroClaimKey, OutsideBatch, NotInBatch, AlreadyMinted,
    /// SerialWithdrawn, BadSignature.
    /// @param claimKey As in the leaf, also when it was replaced since.
    /// @param signature The present key's, 65 bytes r ‖ s ‖ v.
    function replaceClaimKeyNow(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        address newKey,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external;

    /// @notice Withdraws a serial that was not minted, 7 days from now: it can then be neither claimed
    /// nor minted, and leaves a hole in the edition. Issuer's account only. Until then a claim works. A
    /// key given later by replaceClaimKey arms the serial again.
    /// @dev Reverts: NotIssuer, NotCommitted, AlreadyMinted.
    function withdrawSerial(uint256 tokenId) external;

    /// @notice Grants or takes back the pauser role. Issuer's account only.
    /// @dev Reverts: NotIssuer.
    function setPauser(address pauser, bool allowed) external;

    /// @notice Stops mints of serials without claim key, vouchers among them, up to and including second
    /// `until`, 14 days from now at most; a past second ends the pause. Pausers and the issuer's account.
    /// Neither claims nor transfers nor anything else ever stops.
    ///
    /// A pause is made shorter and never longer, and another begins more than 14 days after its end: so pauses one
    /// after another stop minters for half of the time, and not for ever.
    /// @dev Reverts: NotPauser, PauseTooLong.
    function pauseMinting(uint40 until) external;

    /// @notice Proposes a document as a revision of a design, or takes the proposal back. Issuer's account
    /// only. It concerns nobody until the owner of a wearable accepts it for that one: see acceptRevision.
    /// Who accepted keeps it, whatever becomes of the proposal.
    /// @dev Reverts: NotIssuer, BadDesign (the design is not open, or the digest is zero).
    /// @param designDigest SHA-256 of the revised design document.
    function proposeRevision(uint64 designId, bytes32 designDigest, bool proposed) external;

    /// @notice States the licence of a design, once and for good. Issuer's account only.
    /// @dev What the design document says about its licence comes first; this is for contracts, which
    /// cannot read documents. Reverts: NotIssuer, BadDesign, LicenceFixed.
    /// @param licenceDigest SHA-256 of the licence text, not zero.
    function stateLicence(uint64 designId, bytes32 licenceDigest) external;

    /// @notice Grants or takes back the minter role. Issuer's account only; nobody else has a say.
    /// @dev Reverts: NotIssuer.
    function setMinter(address minter, bool allowed) external;

    /// @notice Changes the prefix of metadata links. Issuer's account only.
    /// @dev Reverts: NotIssuer. With a base URI, tokenURI = baseUri ‖ "metadata/" ‖ chain id ‖ "/" ‖ collection ‖ "/" ‖
    /// token id, and contractURI = baseUri ‖ "contract-metadata/" ‖ chain id ‖ "/" ‖ collection
    /// (numbers decimal, the address in lower case with 0x). Without one, tokenURI is the URI of the design
    /// document that the wearable follows, and contractURI is empty. The links carry the address because it is not known before creation.
    function setBaseUri(string calldata baseUri) external;

    /// @notice Sets the ERC-2981 royalty of every token. Issuer's account only.
    /// @dev Reverts: NotIssuer, and ERC-2981's errors for a zero receiver and for more than the whole price.
    /// @param receiver Who is to be paid; not zero unless basisPoints is 0.
    /// @param basisPoints Ten-thousandths of the price, at most 10,000; 0 removes the royalty.
    function setRoyalty(address receiver, uint96 basisPoints) external;

    /// @notice The issuer's number in the registry; fixed.
    function issuerId() external view returns (uint64);

    /// @notice The registry that names the issuer's account; the same for every clone.
    function registry() external view returns (address);

    /// @notice How many designs are open. Whoever shows so many distinct open designs shows them all,
    /// so what the collection can ever hold is the sum of their editions.
    function designCount() external view returns (uint64);

    /// @notice What is fixed about a design; all zero while it is not open.
    function designOf(uint64 designId) external view returns (Design memory design);

    /// @notice The range of the batch with this root; all zero if there is none.
    function batchOf(bytes32 root) external view returns (uint64 designId, uint64 firstSerial, uint64 count);

    /// @notice Whether `minter` may mint serials without claim key.
    function isMinter(address minter) external view returns (bool);

    /// @notice Whether `pauser` may stop mints.
    function isPauser(address pauser) external view returns (bool);

    /// @notice The last second of the pause of mints; in the past: there is none.
    function mintingPausedUntil() external view returns (uint40);

    /// @notice What became of a serial's claim key. `current` is the key that replaced the leaf's (0: none
    /// did); from second `changesAt` on `next` is it (0: no change is under way). The address 1 means
    /// withdrawn.
    function claimKeyChangeOf(uint256 tokenId)
        external
        view
        returns (address current, address next, uint40 changesAt);

    /// @notice Whether the issuer proposes this document as a revision of the design.
    function isRevision(uint64 designId, bytes32 designDigest) external view returns (bool);

    /// @notice SHA-256 of the design's licence; zero while it is not stated.
    function licenceOf(uint64 designId) external view returns (bytes32);

    /// @notice "ipfs://" and the CID (version 1, raw, sha2-256, base16) of the design document: a name
    /// of its bytes, whoever keeps them. Empty while the design is not open.
    function designUri(uint64 designId) external view returns (string memory);
}
