//! Signed notes: text signed by one or more keys ([c2sp.org/signed-note](https://c2sp.org/signed-note)).
//!
//! This module holds no private key. Whoever has one passes a closure that signs.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{Error, cosignature, text};

/// Longest note that is read, in bytes. Sixteen signatures of the largest kind in use (5 kB) fit twice.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;
/// Most signature lines in a note. The specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;
/// Longest key name, in bytes. Cosigned messages give a name one length byte.
pub const MAX_KEY_NAME_BYTES: usize = 255;
/// Longest signature, in bytes, with its key id. Signatures of unknown keys are kept, not read.
pub const MAX_SIGNATURE_BYTES: usize = 8 * 1024;
/// Longest verifier key text, in bytes.
pub const MAX_VERIFIER_KEY_BYTES: usize = MAX_KEY_NAME_BYTES + 64;

const SIGNATURE_START: &str = "— ";
const KEY_ID_BYTES: usize = 4;

/// The name of a key: not empty, no Unicode space, no plus sign. A key that is made or known has no control character
/// in it either; the name on a stranger's signature line, which is ignored, may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Checks the name of a key that is made or known.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = Self::on_a_line(name.into())?;
        if name.0.chars().any(char::is_control) {
            return Err(Error::KeyName { name: name.0 });
        }
        Ok(name)
    }

    /// Checks a name by the specification's own rule, which others keep to.
    fn on_a_line(name: String) -> Result<Self, Error> {
        text::at_most("key name", name.len(), MAX_KEY_NAME_BYTES)?;
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c == '+') {
            return Err(Error::KeyName { name });
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`: a hint which key signed, never a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What a key's signatures mean. Both kinds are Ed25519; the type byte is part of the key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// `0x01`: over the note's text itself.
    Ed25519,
    /// `0x04`: a witness's timestamped cosignature ([`cosignature`]).
    CosignatureV1,
}

impl SignatureType {
    /// The assigned identifier byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }
}

/// A named Ed25519 public key. Weak and non-canonical keys cannot be constructed.
///
/// Its text form, the *vkey*, is `<name>+<key id, 8 hex digits>+<base64(type ‖ 32-byte key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    signature_type: SignatureType,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Names a public key. Refuses keys of small order and encodings that are not canonical.
    pub fn new(name: KeyName, signature_type: SignatureType, public_key: &[u8; 32]) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| Error::PublicKeyInvalid)?;
        if key.to_edwards().compress().to_bytes() != *public_key {
            return Err(Error::PublicKeyInvalid);
        }
        if key.is_weak() {
            return Err(Error::PublicKeyWeak);
        }
        let hash = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', signature_type.byte()])
            .chain_update(public_key)
            .finalize();
        let id = KeyId([hash[0], hash[1], hash[2], hash[3]]);
        Ok(Self {
            name,
            id,
            signature_type,
            key,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What its signatures mean.
    pub fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Checks one Ed25519 signature by the strict rules: canonical encodings, no cofactor, no small order.
    pub(crate) fn check(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Error> {
        self.key
            .verify_strict(message, &Ed25519Signature::from_bytes(signature))
            .map_err(|_| self.invalid())
    }

    pub(crate) fn expect_type(&self, expected: SignatureType) -> Result<(), Error> {
        if self.signature_type == expected {
            return Ok(());
        }
        let (found, expected) = (self.signature_type.byte(), expected.byte());
        Err(Error::SignatureTypeMismatch {
            name: self.name.to_string(),
            found,
            expected,
        })
    }

    pub(crate) fn invalid(&self) -> Error {
        Error::SignatureInvalid {
            name: self.name.to_string(),
            id: self.id,
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.signature_type.byte()];
        material.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, text::base64_encode(&material))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(vkey: &str) -> Result<Self, Error> {
        text::at_most("verifier key", vkey.len(), MAX_VERIFIER_KEY_BYTES)?;
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::VerifierKey {
                why: "not three parts joined by +",
            });
        };
        let name = KeyName::new(name)?;
        if id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::VerifierKey {
                why: "key id is not 8 lower-case hexadecimal digits",
            });
        }
        let found = u32::from_str_radix(id, 16).map_err(|_| Error::VerifierKey { why: "key id" })?;
        let material = text::base64_decode("verifier key", material)?;
        let (type_byte, public_key) = material.split_first().ok_or(Error::VerifierKey {
            why: "no signature type",
        })?;
        let signature_type = match type_byte {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::CosignatureV1,
            other => return Err(Error::SignatureTypeUnsupported { found: *other }),
        };
        let public_key = public_key.try_into().map_err(|_| Error::VerifierKey {
            why: "public key is not 32 bytes",
        })?;
        let key = Self::new(name, signature_type, public_key)?;
        let found = KeyId(found.to_be_bytes());
        if found != key.id {
            return Err(Error::KeyIdMismatch {
                found,
                expected: key.id,
            });
        }
        Ok(key)
    }
}

/// One signature line of a note, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name on the line.
    pub name: KeyName,
    /// The first four bytes.
    pub key_id: KeyId,
    /// What follows the key id; its meaning depends on the key.
    pub bytes: Vec<u8>,
}

impl Signature {
    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.key_id == key.id
    }
}

/// A note as it was read or made. Reading verifies nothing: call [`SignedNote::verify`] before trusting the text.
///
/// ```
/// use vestiary_tlog::{SignedNote, VerifierKey};
/// let note = "If you think cryptography is the answer to your problem,\n\
///     then you don't know what your problem is.\n\n\
///     — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
/// let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse()?;
/// let note = SignedNote::parse(note.as_bytes())?;
/// assert_eq!(note.verify(&[key])?.len(), 1);
/// # Ok::<(), vestiary_tlog::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature that was checked against a key that the reader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedSignature<'k> {
    /// Who signed.
    pub key: &'k VerifierKey,
    /// When, for a cosignature: unix time in seconds, as the witness says.
    pub timestamp_s: Option<u64>,
}

impl SignedNote {
    /// Reads a note. Only the one canonical spelling is accepted, so [`SignedNote::to_bytes`] gives the same
    /// bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        text::at_most("note", bytes.len(), MAX_NOTE_BYTES)?;
        let note = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8 { what: "note" })?;
        check_characters(note)?;
        // The text may hold blank lines itself: the last one separates.
        let split = note.rfind("\n\n").ok_or(Error::NoSignatures)?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        if signatures.is_empty() {
            return Err(Error::NoSignatures);
        }
        let lines = signatures.strip_suffix('\n').ok_or(Error::SignatureLine {
            line: signatures.lines().count(),
            why: "no newline at the end",
        })?;
        let signatures = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .enumerate()
            .map(|(i, line)| parse_signature(i + 1, line))
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(Error::TooMany {
                what: "signatures",
                limit: MAX_SIGNATURES,
            });
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The signed text, with its final newline. Not to be trusted before [`SignedNote::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines as found, of known and unknown keys.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Checks every signature made by one of `keys` and ignores all others, as the specification demands.
    ///
    /// Answers each key that signed once, in the order of the lines. One bad signature of a known key refuses
    /// the whole note; so does a note that none of the keys signed.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<VerifiedSignature<'k>>, Error> {
        for (i, key) in keys.iter().enumerate() {
            if keys[..i]
                .iter()
                .any(|other| other.name == key.name && other.id == key.id)
            {
                return Err(Error::KeysAmbiguous {
                    name: key.name.to_string(),
                    id: key.id,
                });
            }
        }
        let mut verified: Vec<VerifiedSignature<'k>> = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| signature.is_by(key)) else {
                continue;
            };
            let timestamp_s = self.check_signature(key, &signature.bytes)?;
            if !verified.iter().any(|v| v.key == key) {
                verified.push(VerifiedSignature { key, timestamp_s });
            }
        }
        if verified.is_empty() {
            return Err(Error::NotSignedByKnownKey);
        }
        Ok(verified)
    }

    fn check_signature(&self, key: &VerifierKey, bytes: &[u8]) -> Result<Option<u64>, Error> {
        match key.signature_type {
            SignatureType::Ed25519 => {
                let signature = bytes.try_into().map_err(|_| key.invalid())?;
                key.check(self.text.as_bytes(), signature)?;
                Ok(None)
            }
            SignatureType::CosignatureV1 => cosignature::check(&self.text, key, bytes).map(Some),
        }
    }

    /// Adds a signature line, for example a cosignature. The line is checked for form, not verified.
    pub fn add(&mut self, signature: Signature) -> Result<(), Error> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(Error::TooMany {
                what: "signatures",
                limit: MAX_SIGNATURES,
            });
        }
        text::at_most(
            "signature",
            KEY_ID_BYTES + signature.bytes.len(),
            MAX_SIGNATURE_BYTES,
        )?;
        self.signatures.push(signature);
        let found = self.to_bytes().len();
        if found > MAX_NOTE_BYTES {
            self.signatures.pop();
            return Err(Error::TooLong {
                what: "note",
                found,
                limit: MAX_NOTE_BYTES,
            });
        }
        Ok(())
    }

    /// The bytes of the note.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let bytes = [&signature.key_id.0, signature.bytes.as_slice()].concat();
            writeln!(
                f,
                "{SIGNATURE_START}{} {}",
                signature.name,
                text::base64_encode(&bytes)
            )?;
        }
        Ok(())
    }
}

/// Makes a note with one signature of type [`SignatureType::Ed25519`].
///
/// `sign` gets exactly the bytes to be signed and answers the Ed25519 signature. It is checked against `key`
/// before the note is given out, so a signer that holds another key than it says cannot publish.
pub fn sign(
    text: &str,
    key: &VerifierKey,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<SignedNote, Error> {
    key.expect_type(SignatureType::Ed25519)?;
    check_text(text)?;
    let signature = sign(text.as_bytes());
    key.check(text.as_bytes(), &signature)?;
    let mut note = SignedNote {
        text: text.to_owned(),
        signatures: Vec::new(),
    };
    note.add(Signature {
        name: key.name.clone(),
        key_id: key.id,
        bytes: signature.to_vec(),
    })?;
    Ok(note)
}

/// Checks that a text can stand in a note: no control characters, a newline at the end, not too long.
pub fn check_text(text: &str) -> Result<(), Error> {
    text::at_most("note text", text.len(), MAX_NOTE_BYTES)?;
    check_characters(text)?;
    if text.ends_with('\n') {
        Ok(())
    } else {
        Err(Error::TextWithoutNewline)
    }
}

fn check_characters(note: &str) -> Result<(), Error> {
    match note.bytes().find(|b| *b < 0x20 && *b != b'\n') {
        Some(byte) => Err(Error::ControlCharacter { byte }),
        None => Ok(()),
    }
}

fn parse_signature(line: usize, content: &str) -> Result<Signature, Error> {
    let malformed = |why| Error::SignatureLine { line, why };
    let rest = content
        .strip_prefix(SIGNATURE_START)
        .ok_or(malformed("it does not start with an em dash"))?;
    let (name, encoded) = rest
        .split_once(' ')
        .ok_or(malformed("no space after the key name"))?;
    let name = KeyName::on_a_line(name.to_owned())?;
    // Base64 is longer than what it encodes, so this bounds the allocation too.
    text::at_most("signature", encoded.len() / 4 * 3, MAX_SIGNATURE_BYTES + 2)?;
    let bytes = text::base64_decode("signature", encoded)?;
    text::at_most("signature", bytes.len(), MAX_SIGNATURE_BYTES)?;
    let (key_id, bytes) = bytes
        .split_first_chunk()
        .ok_or(malformed("shorter than a key id"))?;
    if bytes.is_empty() {
        return Err(malformed("no signature after the key id"));
    }
    Ok(Signature {
        name,
        key_id: KeyId(*key_id),
        bytes: bytes.to_vec(),
    })
}
