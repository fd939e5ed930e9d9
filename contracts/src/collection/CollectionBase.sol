// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";

import {IIssuerRegistry} from "../../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../IERC4907.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";

/// @title The storage of a collection, all of it, and who the issuer is
/// @dev OpenZeppelin's ERC721 takes slots 0–5 and ERC2981 slots 6–7. The constructor runs for the
/// implementation only: its texts are empty and it is locked.
abstract contract CollectionBase is
    IWearableCollection,
    IWearableRights,
    ERC721,
    ERC2981,
    IERC4906,
    IERC4907
{
    /// Edition, next serial and terms in the first word, the digest in the second.
    struct StoredDesign {
        uint64 edition;
        uint64 nextSerial;
        uint88 terms;
        bytes32 designDigest;
    }

    struct StoredBatch {
        uint64 designId;
        uint64 firstSerial;
        uint64 count;
    }

    /// The key that claims a serial which was not minted yet, where it is not the leaf's.
    struct ClaimKeyChange {
        /// Zero: the leaf's. WITHDRAWN: nobody's.
        address current;
        /// When `next` takes over, seconds; zero: no change is under way.
        uint40 changesAt;
        address next;
    }

    /// What an owner has begun with one token.
    struct Begun {
        address offeredTo;
        uint40 offerUntil;
        /// When the lost flag may be cleared, seconds; zero: nobody asked.
        uint40 lostClearsAt;
    }

    /// Stands for a claim key that nobody has: the serial is withdrawn.
    address internal constant WITHDRAWN = address(1);

    IIssuerRegistry internal immutable _REGISTRY;
    /// @inheritdoc IWearableRights
    address public immutable estate;
    /// @inheritdoc IWearableRights
    address public immutable recovery;

    /// Slot 8, bits 0–63; zero: not initialised.
    /// @inheritdoc IWearableCollection
    uint64 public issuerId;
    /// Slot 8, bits 64–127.
    /// @inheritdoc IWearableCollection
    uint64 public designCount;
    /// Slot 8, bits 128–167; the rest of the word is free.
    /// @inheritdoc IWearableCollection
    uint40 public mintingPausedUntil;
    /// Slot 9. The clone's own; OpenZeppelin's are set by its constructor, which no clone runs.
    string internal _collectionName;
    /// Slot 10.
    string internal _collectionSymbol;
    /// Slot 11.
    string internal _collectionBaseUri;
    /// Slot 12: design id => design.
    mapping(uint64 => StoredDesign) internal _designs;
    /// Slot 13: root => batch.
    mapping(bytes32 => StoredBatch) internal _batches;
    /// Slot 14.
    /// @inheritdoc IWearableCollection
    mapping(address => bool) public isMinter;
    /// Slot 15: token id => user, until the expiry in the owner word.
    mapping(uint256 => address) internal _users;
    /// Slot 16: account => nonce / 256 => which of these 256 nonces are used.
    mapping(address => mapping(uint256 => uint256)) internal _usedNonces;
    /// Slot 17: token id => what its owner has begun.
    mapping(uint256 => Begun) internal _begun;
    /// Slot 18: token id => change of claim key.
    mapping(uint256 => ClaimKeyChange) internal _claimKeyChanges;
    /// Slot 19: token id => digest of the revision that its owner accepted.
    mapping(uint256 => bytes32) internal _revisions;
    /// Slot 20: design id => digest => whether the issuer proposes it as a revision.
    /// @inheritdoc IWearableCollection
    mapping(uint64 => mapping(bytes32 => bool)) public isRevision;
    /// Slot 21: design id => digest of the licence.
    /// @inheritdoc IWearableCollection
    mapping(uint64 => bytes32) public licenceOf;
    /// Slot 22.
    /// @inheritdoc IWearableCollection
    mapping(address => bool) public isPauser;
    /// Slot 23.
    /// @inheritdoc IWearableRights
    mapping(uint64 => address) public custodianOf;

    constructor(IIssuerRegistry registry_, address estate_, address recovery_) ERC721("", "") {
        _REGISTRY = registry_;
        estate = estate_;
        recovery = recovery_;
        issuerId = type(uint64).max;
    }

    modifier onlyIssuer() {
        _requireIssuer();
        _;
    }

    /// @inheritdoc IWearableCollection
    function registry() external view returns (address) {
        return address(_REGISTRY);
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        virtual
        override(ERC721, ERC2981, IERC165)
        returns (bool)
    {
        return interfaceId == type(IWearableCollection).interfaceId
            || interfaceId == type(IWearableRights).interfaceId || super.supportsInterface(interfaceId);
    }

    /// Every way of moving, minting and burning comes through here.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        uint256 word = OwnerWord.load(tokenId);
        if (word >> OwnerWord.EXPIRY_SHIFT != 0) {
            _requireNotLost(tokenId, word);
            _endWithOwner(tokenId, word, OwnerWord.ENDS_WITH_OWNER);
        }
        return super._update(to, tokenId, auth);
    }

    /// Clears those of the bits `ending` that are set; a loan among them ends.
    function _endWithOwner(uint256 tokenId, uint256 word, uint256 ending) private {
        ending &= word;
        if (ending & OwnerWord.EXPIRY != 0) {
            delete _users[tokenId];
            emit UpdateUser(tokenId, address(0), 0);
        }
        if (ending >> OwnerWord.FLAGS_SHIFT != 0) _changeFlags(tokenId, ending, 0);
        else if (ending != 0) OwnerWord.change(tokenId, ending, 0);
    }

    /// Changes flags and says so; the event carries all flags, so the last one stands for itself.
    function _changeFlags(uint256 tokenId, uint256 cleared, uint256 set) internal {
        uint256 word = OwnerWord.change(tokenId, cleared, set);
        emit RightsChanged(tokenId, word >> OwnerWord.FLAGS_SHIFT);
    }

    /// The word of a token that exists.
    function _wordOfOwned(uint256 tokenId) internal view returns (uint256) {
        _requireOwned(tokenId);
        return OwnerWord.load(tokenId);
    }

    function _requireNotLost(uint256 tokenId, uint256 word) internal pure {
        require(word & OwnerWord.LOST == 0, TokenLost(tokenId));
    }

    function _designOf(uint256 tokenId) internal pure returns (uint64) {
        // A token that exists is a design's number and a serial, nothing above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(tokenId >> 64);
    }

    function _requireInTime(uint256 deadline) internal view {
        require(block.timestamp <= deadline, DeadlinePassed(deadline));
    }

    /// For what only somebody in particular may do; `allowed` says that the sender is.
    function _requireAllowed(bool allowed) internal view {
        require(allowed, NotAllowed(msg.sender));
    }

    function _requireOwnedBy(uint256 tokenId, address account) internal view {
        require(_requireOwned(tokenId) == account, NotTokenOwner(tokenId, account));
    }

    function _requireIssuer() internal view {
        require(msg.sender == _issuerAccount(), NotIssuer(issuerId, msg.sender));
    }

    function _issuerAccount() internal view returns (address) {
        return _REGISTRY.accountOf(issuerId);
    }
}
