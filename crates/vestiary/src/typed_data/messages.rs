//! The messages that owners, heirs' executors, guardians and keys sign, beside [`CommitBatch`](super::CommitBatch) and
//! [`Claim`](super::Claim). One list: fields in the order in which they are hashed, each with its Solidity type and name.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Field, signing_hash, wallet_json};
use crate::digest::Sha256;
use crate::ids::{AccountId, TokenId, address_text, parse_address, parse_b256};

/// Most elements of a list in a message. The contracts take 16 people, and as many tokens as fit a block.
pub const MAX_LIST: usize = 1024;

/// Something that an account or a key signs for one contract of ours.
pub trait Message: Sized {
    /// Its EIP-712 name.
    const NAME: &'static str;

    /// Types and names of its fields.
    fn fields() -> &'static [(&'static str, &'static str)];

    /// Its fields as 32-byte words, as EIP-712 encodes them: of a list, the hash of its elements.
    fn words(&self) -> Vec<B256>;

    /// Its fields as wallets take them: numbers as decimal texts, addresses in lower case.
    fn to_json(&self) -> Value;

    /// Reads the `message` of a wallet's typed data: these fields and no others, each in the one form in which
    /// [`to_json`](Self::to_json) writes it.
    fn from_json(message: &Value) -> Result<Self, MessageError>;

    /// The 32 bytes that are signed, for the contract at `contract`: the collection, the estate, the recovery.
    fn signing_hash(&self, contract: AccountId) -> B256 {
        signing_hash(contract, Self::NAME, Self::fields(), &self.words())
    }

    /// The object for a wallet's `eth_signTypedData_v4`.
    fn wallet_json(&self, contract: AccountId) -> Value {
        wallet_json(contract, Self::NAME, Self::fields(), &self.to_json())
    }
}

/// Why JSON is not a message of some type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Not an object, or with fields that the type does not have.
    #[error("the message has other fields than {0}")]
    Fields(&'static str),
    /// A field is missing or not in its one form.
    #[error("{0} is missing or malformed")]
    Field(&'static str),
}

impl MessageError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fields(_) => "message_fields",
            Self::Field(_) => "message_field",
        }
    }
}

/// A value as EIP-712 hashes it and as wallets take it.
trait Word: Sized {
    fn word(&self) -> B256;
    fn json(&self) -> Value;
    fn read(value: &Value) -> Option<Self>;
}

impl Word for U256 {
    fn word(&self) -> B256 {
        (*self).into()
    }

    fn json(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        let digits = text.len() <= 78 && text.bytes().all(|digit| digit.is_ascii_digit());
        let number = digits.then(|| Self::from_str_radix(text, 10).ok()).flatten()?;
        (number.to_string() == text).then_some(number)
    }
}

impl Word for u64 {
    fn word(&self) -> B256 {
        U256::from(*self).into()
    }

    fn json(&self) -> Value {
        self.to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        U256::read(value)?.try_into().ok()
    }
}

impl Word for TokenId {
    fn word(&self) -> B256 {
        self.0.into()
    }

    fn json(&self) -> Value {
        self.0.json()
    }

    fn read(value: &Value) -> Option<Self> {
        U256::read(value).map(Self)
    }
}

impl Word for Address {
    fn word(&self) -> B256 {
        self.into_word()
    }

    fn json(&self) -> Value {
        address_text(self).into()
    }

    fn read(value: &Value) -> Option<Self> {
        parse_address(value.as_str()?).ok()
    }
}

impl Word for Sha256 {
    fn word(&self) -> B256 {
        self.b256()
    }

    fn json(&self) -> Value {
        self.b256().to_string().into()
    }

    fn read(value: &Value) -> Option<Self> {
        parse_b256(value.as_str()?).ok().map(Into::into)
    }
}

impl<T: Word> Word for Vec<T> {
    fn word(&self) -> B256 {
        let words: Vec<[u8; 32]> = self.iter().map(|element| element.word().0).collect();
        keccak256(words.concat())
    }

    fn json(&self) -> Value {
        self.iter().map(Word::json).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        let elements = value.as_array().filter(|elements| elements.len() <= MAX_LIST)?;
        elements.iter().map(T::read).collect()
    }
}

/// Whether a word fits the `uintN` that a field is on chain; one of another type does.
fn fits(word: B256, sol_type: &str) -> bool {
    let bits = sol_type.strip_prefix("uint").and_then(|bits| bits.parse().ok());
    bits.is_none_or(|bits: usize| U256::from_be_bytes(word.0).bit_len() <= bits)
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $sol_type:literal $sol_name:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $kind,)*
            }

            impl Message for $name {
                const NAME: &'static str = stringify!($name);

                fn fields() -> &'static [Field] {
                    &[$(($sol_type, $sol_name),)*]
                }

                fn words(&self) -> Vec<B256> {
                    vec![$(self.$field.word(),)*]
                }

                fn to_json(&self) -> Value {
                    Value::Object(Map::from_iter([$(($sol_name.to_owned(), self.$field.json()),)*]))
                }

                fn from_json(message: &Value) -> Result<Self, MessageError> {
                    let fields = message.as_object().filter(|fields| fields.len() == Self::fields().len());
                    let fields = fields.ok_or(MessageError::Fields(Self::NAME))?;
                    Ok(Self {
                        $($field: fields
                            .get($sol_name)
                            .and_then(<$kind as Word>::read)
                            .filter(|value| fits(value.word(), $sol_type))
                            .ok_or(MessageError::Field($sol_name))?,)*
                    })
                }
            }
        )*

        /// The types of all these messages as EIP-712 hashes them.
        pub fn types() -> Vec<String> {
            vec![$(super::encode_type($name::NAME, $name::fields()),)*]
        }
    };
}

messages! {
    /// A minter's word that a serial without claim key goes to a receiver. The token id is the nonce.
    Voucher {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// Digest of its certificate.
        certificate_digest: Sha256 = "bytes32" "certificateDigest",
        /// Who receives it.
        to: Address = "address" "to",
        /// Last second, unix time, at which the signature counts; so everywhere below.
        deadline: u64 = "uint256" "deadline",
    }
    /// A claim key's word that another takes its place at once.
    ReplaceClaimKey {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// The key that claims from then on.
        new_key: Address = "address" "newKey",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An offered key's wish that the wearable goes to a receiver.
    Take {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// The owner who offers it.
        from: Address = "address" "from",
        /// Who receives it.
        to: Address = "address" "to",
        /// The last second of the offer, unix time.
        until: u64 = "uint256" "until",
    }
    /// An owner gives a wearable away.
    Give {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// Who receives it.
        to: Address = "address" "to",
        /// Whose act it is: the owner's account here, where another signs its own; so everywhere below. With code, the
        /// account says which keys sign for it, and what one signs for it is nobody else's act.
        account: Address = "address" "account",
        /// The account's own, each used once, in any order; so everywhere below.
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner destroys a wearable.
    Burn {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner lends a wearable, or ends the loan.
    SetUser {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// Who may use it.
        user: Address = "address" "user",
        /// The last second of the loan, unix time.
        expires: u64 = "uint64" "expires",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner offers a wearable to a key.
    Offer {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// The key that may take it; zero ends an offer.
        key: Address = "address" "key",
        /// The last second of the offer, unix time; another one for each offer of this wearable to this key, or what
        /// the key signed for one would count for the next.
        until: u64 = "uint64" "until",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner says that somebody else has the account.
    MarkLost {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner asks to take that back, seven days later; the end of a recovery calls it off.
    AskClearLost {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner lets a wearable follow a revision of its design.
    AcceptRevision {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// Digest of the revised design document; zero for the first one.
        design_digest: Sha256 = "bytes32" "designDigest",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner chooses between piece and wearable.
    Choose {
        /// The wearable.
        token_id: TokenId = "uint256" "tokenId",
        /// 1 the piece, 2 the wearable.
        kept: u64 = "uint8" "kept",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner's will, for all collections; to the estate.
    SetWill {
        /// One of whom inherits.
        heirs: Vec<Address> = "address[]" "heirs",
        /// Who opens the estate.
        executors: Vec<Address> = "address[]" "executors",
        /// How many of them must agree.
        threshold: u64 = "uint8" "threshold",
        /// Seconds in which the owner may object.
        moratorium: u64 = "uint40" "moratorium",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner's sign of life; to the estate.
    StillHere {
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An executor is for opening an estate; to the estate.
    OpenEstate {
        /// Whose.
        owner: Address = "address" "owner",
        /// For whom.
        heir: Address = "address" "heir",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner names guardians; to the recovery.
    SetGuardians {
        /// Who.
        guardians: Vec<Address> = "address[]" "guardians",
        /// How many of them must agree.
        threshold: u64 = "uint8" "threshold",
        /// Seconds between their decision and its effect.
        delay: u64 = "uint40" "delay",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner calls off a change of guardians; to the recovery.
    KeepGuardians {
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// An owner stops recoveries; to the recovery.
    Veto {
        /// The collection.
        collection: Address = "address" "collection",
        /// The wearables.
        token_ids: Vec<TokenId> = "uint256[]" "tokenIds",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// A guardian is for moving wearables to an owner's new account; to the recovery.
    Recover {
        /// Whose.
        owner: Address = "address" "owner",
        /// The collection.
        collection: Address = "address" "collection",
        /// The wearables.
        token_ids: Vec<TokenId> = "uint256[]" "tokenIds",
        /// The new account.
        to: Address = "address" "to",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// A guardian is for ending recoveries; to the recovery.
    StopRecovery {
        /// Whose.
        owner: Address = "address" "owner",
        /// The collection.
        collection: Address = "address" "collection",
        /// The wearables.
        token_ids: Vec<TokenId> = "uint256[]" "tokenIds",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
    /// A guardian is for taking the lost flag off; to the recovery.
    ClearLost {
        /// Whose.
        owner: Address = "address" "owner",
        /// The collection.
        collection: Address = "address" "collection",
        /// The wearables.
        token_ids: Vec<TokenId> = "uint256[]" "tokenIds",
        /// See [`Give`].
        account: Address = "address" "account",
        /// See [`Give`].
        nonce: U256 = "uint256" "nonce",
        /// See [`Voucher`].
        deadline: u64 = "uint256" "deadline",
    }
}
