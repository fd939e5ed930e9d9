//! Bytes of keys and values: fixed-width big-endian fields one after the other, so that keys sort as
//! their fields do. Texts and options carry a length or a flag and stand in values only.

use alloy_primitives::{Address, B256, U256};
use vestiary::{
    block::BlockRef,
    digest::Sha256,
    ids::{AccountId, ChainId, CollectionId, DesignId, Edition, IssuerId, Serial, TokenId, WearableId},
    terms::Terms,
};

/// Something with one encoding and a strict decoding.
pub(crate) trait Field: Sized {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes the encoding off the front; `None` when it is not one.
    fn take(input: &mut &[u8]) -> Option<Self>;

    /// The encoding alone.
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Reads an encoding that must use all of `input`.
    fn read(mut input: &[u8]) -> Option<Self> {
        let value = Self::take(&mut input)?;
        input.is_empty().then_some(value)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let (head, rest) = input.split_first_chunk::<N>()?;
        *input = rest;
        Some(*head)
    }
}

/// A field that is another one in disguise.
macro_rules! through {
    ($($type:ty as $inner:ty: $value:ident => $into:expr, $raw:ident => $from:expr;)*) => {$(
        impl Field for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let $value = self;
                <$inner as Field>::put(&$into, out);
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                let $raw = <$inner as Field>::take(input)?;
                $from
            }
        }
    )*};
}

through! {
    u8 as [u8; 1]: value => [*value], raw => Some(raw[0]);
    u16 as [u8; 2]: value => value.to_be_bytes(), raw => Some(Self::from_be_bytes(raw));
    u32 as [u8; 4]: value => value.to_be_bytes(), raw => Some(Self::from_be_bytes(raw));
    u64 as [u8; 8]: value => value.to_be_bytes(), raw => Some(Self::from_be_bytes(raw));
    bool as u8: value => u8::from(*value), raw => match raw { 0 => Some(false), 1 => Some(true), _ => None };
    Address as [u8; 20]: value => value.into_array(), raw => Some(Self::new(raw));
    B256 as [u8; 32]: value => value.0, raw => Some(Self::new(raw));
    U256 as [u8; 32]: value => value.to_be_bytes::<32>(), raw => Some(Self::from_be_bytes(raw));
    Sha256 as [u8; 32]: value => value.0, raw => Some(Self(raw));
    ChainId as u64: value => value.0, raw => Some(Self(raw));
    TokenId as U256: value => value.0, raw => Some(Self(raw));
    IssuerId as u64: value => value.get(), raw => Self::new(raw).ok();
    DesignId as u64: value => value.get(), raw => Self::new(raw).ok();
    Serial as u64: value => value.get(), raw => Self::new(raw).ok();
    Edition as u64: value => value.0, raw => Some(Self(raw));
    Terms as U256: value => value.pack().expect("times are checked where terms are read"), raw => Self::unpack(raw).ok();
    AccountId as (ChainId, Address): value => (value.chain, value.address), raw => Some(Self::new(raw.0, raw.1));
    CollectionId as (ChainId, Address): value => (value.chain, value.address), raw => Some(Self::new(raw.0, raw.1));
    WearableId as (CollectionId, TokenId): value => (value.collection, value.token_id), raw => Some(Self::new(raw.0, raw.1));
    BlockRef as (u64, B256): value => (value.number, value.hash), raw => Some(Self { number: raw.0, hash: raw.1 });
}

impl Field for () {
    fn put(&self, _: &mut Vec<u8>) {}

    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {$(
        impl<$($name: Field),+> Field for ($($name,)+) {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$index.put(out);)+
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(($($name::take(input)?,)+))
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        bool::take(input)?
            .then(|| T::take(input))
            .map_or(Some(None), |value| value.map(Some))
    }
}

/// Bytes with a `u32` length before them.
impl Field for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len())
            .expect("rows are far below 4 GiB")
            .put(out);
        out.extend_from_slice(self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let len = usize::try_from(u32::take(input)?).ok()?;
        let (head, rest) = input.split_at_checked(len)?;
        *input = rest;
        Some(head.to_vec())
    }
}

/// UTF-8 with a `u32` length before it.
impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Vec::take(input)?).ok()
    }
}

/// A struct whose encoding is that of its fields in order.
macro_rules! row {
    ($(
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $crate::codec::Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::codec::Field::put(&self.$field, out);)*
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::codec::Field::take(input)?,)* })
            }
        }
    )*};
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Field + PartialEq + std::fmt::Debug>(value: &T) {
        assert_eq!(T::read(&value.bytes()).as_ref(), Some(value));
        let mut longer = value.bytes();
        longer.push(0);
        assert_eq!(T::read(&longer), None, "trailing bytes are refused");
    }

    proptest! {
        #[test]
        fn every_field_survives_its_bytes(number: u64, word: [u8; 32], text: String, flag: bool, bytes: Vec<u8>) {
            check(&number);
            check(&(ChainId(number), TokenId(U256::from_be_bytes(word))));
            check(&(text.clone(), Some(B256::new(word)), None::<u64>));
            check(&(flag, bytes, text));
        }

        #[test]
        fn keys_sort_as_their_fields_do(a: (u64, [u8; 32], u64), b: (u64, [u8; 32], u64)) {
            let key = |(chain, token, block): (u64, [u8; 32], u64)| {
                (ChainId(chain), TokenId(U256::from_be_bytes(token)), block)
            };
            prop_assert_eq!(key(a).cmp(&key(b)), key(a).bytes().cmp(&key(b).bytes()));
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
            let _ = <(String, Option<u64>, bool)>::read(&bytes);
            let _ = <(Vec<u8>, IssuerId)>::read(&bytes);
        }
    }

    #[test]
    fn flags_and_numbers_outside_their_range_are_refused() {
        assert_eq!(bool::read(&[2]), None);
        assert_eq!(IssuerId::read(&[0; 8]), None);
        assert_eq!(Option::<u8>::read(&[1]), None);
    }
}
