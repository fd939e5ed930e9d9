//! Anvil's accounts. Their keys stand in its manual; they are worth nothing anywhere else.

use std::path::Path;
use std::sync::Arc;

use vestiary_signing::{Account, AccountKey, KdfCost, Memory, Passphrase, Purpose};

use crate::cli::failure::Failure;
use crate::cli::keys;

/// Who acts in a development ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Puts the contracts on the chain.
    Deployer,
    /// The account of the brand.
    Brand,
    /// The service's account for commits and claims.
    Submitter,
    /// The service's second account for commits and claims.
    Submitter2,
    /// The third.
    Submitter3,
    /// The service's account for anchors.
    Anchoring,
    /// A player.
    Alice,
    /// Another player.
    Bob,
}

impl Role {
    pub(crate) const ALL: [Self; 8] = [
        Self::Deployer,
        Self::Brand,
        Self::Submitter,
        Self::Submitter2,
        Self::Submitter3,
        Self::Anchoring,
        Self::Alice,
        Self::Bob,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Deployer => "deployer",
            Self::Brand => "brand",
            Self::Submitter => "submitter",
            Self::Submitter2 => "submitter-2",
            Self::Submitter3 => "submitter-3",
            Self::Anchoring => "anchoring",
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    pub(crate) const fn does(self) -> &'static str {
        match self {
            Self::Deployer => "put the contracts there",
            Self::Brand => "a brand's account",
            Self::Submitter => "the service sends with it",
            Self::Submitter2 | Self::Submitter3 => "the service sends with it too",
            Self::Anchoring => "the service anchors with it",
            Self::Alice => "a player",
            Self::Bob => "another player",
        }
    }

    pub(crate) const fn purpose(self) -> Purpose {
        match self {
            Self::Brand => Purpose::Issuer,
            Self::Anchoring => Purpose::Anchoring,
            Self::Deployer
            | Self::Submitter
            | Self::Submitter2
            | Self::Submitter3
            | Self::Alice
            | Self::Bob => Purpose::Submitter,
        }
    }

    /// The published secret, of the mnemonic "test test test test test test test test test test test junk".
    pub(crate) const fn secret(self) -> &'static str {
        match self {
            Self::Deployer => "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            Self::Brand => "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
            Self::Submitter => "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
            Self::Submitter2 => "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
            Self::Submitter3 => "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
            Self::Anchoring => "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
            Self::Alice => "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
            Self::Bob => "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
        }
    }

    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.secret(), &mut bytes).expect("published secrets are 64 digits");
        bytes
    }

    fn key(self) -> Result<AccountKey, Failure> {
        Ok(AccountKey::import(self.purpose(), &self.bytes())?)
    }

    /// The account's address, lower case.
    pub(crate) fn address(self) -> Result<String, Failure> {
        Ok(format!("{:#x}", self.key()?.address()))
    }

    /// Writes the account as a development key file.
    pub(crate) fn write(self, path: &Path, passphrase: &Passphrase) -> Result<(), Failure> {
        keys::import(
            self.purpose(),
            &self.bytes(),
            path,
            passphrase,
            KdfCost::Development,
        )
        .map(drop)
    }
}

/// The account as a sender of transactions.
pub(crate) fn sender(role: Role) -> Result<Account, Failure> {
    Ok(Account::new(Arc::new(role.key()?), Arc::new(Memory::fresh())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_those_of_anvils_manual() {
        assert_eq!(
            Role::Deployer.address().unwrap(),
            "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
        );
        assert_eq!(
            Role::Bob.address().unwrap(),
            "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc"
        );
        assert_eq!(
            Role::Submitter3.address().unwrap(),
            "0x14dc79964da2c08b23698b3d3cc7ca32193d9955"
        );
    }
}
