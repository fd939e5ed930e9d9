// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// What our contracts speak that is not ours, for programs that read interfaces with `sol!`. The
// contracts themselves inherit the same from OpenZeppelin and never see this file: an event declared
// twice is a compiler error. A test compares every selector and topic below with OpenZeppelin's.

/// @title ERC-165: which interfaces a contract has
interface IERC165 {
    /// @notice Whether the contract implements the interface with this id.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}

/// @title ERC-721 with its metadata extension: tokens with one owner each
interface IERC721 {
    /// @notice The token went from `from` (zero: minted) to `to` (zero: burned).
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    /// @notice `approved` may move this one token; zero: nobody.
    event Approval(address indexed owner, address indexed approved, uint256 indexed tokenId);
    /// @notice `operator` may, or may no longer, move every token of `owner`.
    event ApprovalForAll(address indexed owner, address indexed operator, bool approved);

    /// @notice How many tokens `owner` has; the zero address is refused.
    function balanceOf(address owner) external view returns (uint256 balance);
    /// @notice The owner of the token; reverts if it does not exist.
    function ownerOf(uint256 tokenId) external view returns (address owner);
    /// @notice Moves a token and asks a receiving contract whether it takes it.
    function safeTransferFrom(address from, address to, uint256 tokenId) external;
    /// @notice The same, with data for the receiving contract.
    function safeTransferFrom(address from, address to, uint256 tokenId, bytes calldata data) external;
    /// @notice Moves a token without asking the receiver.
    function transferFrom(address from, address to, uint256 tokenId) external;
    /// @notice Lets `to` move this one token.
    function approve(address to, uint256 tokenId) external;
    /// @notice Lets `operator` move every token of the sender, or no longer.
    function setApprovalForAll(address operator, bool approved) external;
    /// @notice Who may move this one token besides the owner and its operators.
    function getApproved(uint256 tokenId) external view returns (address operator);
    /// @notice Whether `operator` may move every token of `owner`.
    function isApprovedForAll(address owner, address operator) external view returns (bool);
    /// @notice The collection's name.
    function name() external view returns (string memory);
    /// @notice The collection's short name.
    function symbol() external view returns (string memory);
    /// @notice Where the token's metadata stands; reverts if it does not exist.
    function tokenURI(uint256 tokenId) external view returns (string memory);
}

/// @title ERC-2981: royalties, as a wish
interface IERC2981 {
    /// @notice Who is to be paid how much when the token sells at `salePrice`.
    function royaltyInfo(uint256 tokenId, uint256 salePrice)
        external
        view
        returns (address receiver, uint256 royaltyAmount);
}

/// @title ERC-4906: metadata changed
interface IERC4906 {
    /// @notice The metadata of this token changed.
    event MetadataUpdate(uint256 _tokenId);
    /// @notice The metadata of every token in this range changed.
    event BatchMetadataUpdate(uint256 _fromTokenId, uint256 _toTokenId);
}

/// @title ERC-4907: one user of a token beside its owner, until a time
/// @dev In our collections only the owner lends, never an approved account; a loan is revoked by setUser
/// with the zero user, and ends when the token moves; the second `expires` is included, fits 40 bits and is
/// not in the past.
interface IERC4907 {
    /// @notice `user` may use the token until `expires`; the zero user: nobody beside the owner.
    event UpdateUser(uint256 indexed tokenId, address indexed user, uint64 expires);

    /// @notice Lends the token to `user` up to and including second `expires`, or ends the loan.
    function setUser(uint256 tokenId, address user, uint64 expires) external;
    /// @notice Who uses the token now; zero: nobody beside its owner.
    function userOf(uint256 tokenId) external view returns (address user);
    /// @notice Until when the token is, or was, lent; 0: it is not.
    function userExpires(uint256 tokenId) external view returns (uint256 expires);
}

/// @title ERC-7572: metadata of the collection
interface IERC7572 {
    /// @notice The collection's metadata changed.
    event ContractURIUpdated();

    /// @notice Where the collection's metadata stands.
    function contractURI() external view returns (string memory);
}

/// @title ERC-5267: the EIP-712 domain of a contract
interface IERC5267 {
    /// @notice The domain changed. Ours never does.
    event EIP712DomainChanged();

    /// @notice The domain's fields; `fields` says which are used.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );
}

/// @title ERC-1271: signatures of contract accounts
interface IERC1271 {
    /// @notice 0x1626ba7e if the account stands by this signature of `hash` now.
    function isValidSignature(bytes32 hash, bytes calldata signature)
        external
        view
        returns (bytes4 magicValue);
}
