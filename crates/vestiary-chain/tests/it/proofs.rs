//! A real node is asked to prove what it says.

use alloy_primitives::{Address, B256, U256};
use vestiary::abi::{ICollectionFactory::CollectionCreated, SolEvent};
use vestiary::holdings;
use vestiary::ids::{DesignId, IssuerId, Serial, TokenId};
use vestiary::roots::ContractRoots;
use vestiary::storage::{IssuerWord, StorageSlot, collection, factory, registry};
use vestiary::storage_proof::{PinnedImplementation, ProvenCollection};
use vestiary_chain::calls::{self, NewCollection};
use vestiary_chain::{deploy, once, read};
use vestiary_signing::Purpose;

use crate::anvil::{account, anvil, connect};

#[tokio::test]
async fn a_node_proves_code_lists_and_words_and_that_nothing_is_there() {
    let Some(node) = anvil() else { return };
    let rpc = connect(&node).await;
    let brand = account(0, Purpose::Issuer);
    let deployment = deploy::deploy(&rpc, &brand, |_, _| {}).await.unwrap();
    let issuer = IssuerId::new(1).unwrap();
    once::send(&rpc, &brand, &calls::register(deployment.registry, ""))
        .await
        .unwrap();
    let wanted = NewCollection {
        issuer,
        name: "Maison".into(),
        symbol: "M".into(),
        base_uri: String::new(),
        minter: Address::ZERO,
        salt: B256::ZERO,
    };
    let made = once::send(
        &rpc,
        &brand,
        &calls::create_collection(deployment.factory, &wanted),
    )
    .await
    .unwrap();
    let made = made
        .receipt
        .logs()
        .iter()
        .find_map(|log| {
            CollectionCreated::decode_raw_log(log.topics().iter().copied(), &log.data().data).ok()
        })
        .unwrap()
        .collection;

    let block = rpc.head().await.unwrap().hash;
    let ask = async |account: Address, slots: &[StorageSlot]| {
        read::proven_account(&rpc, account, slots, block).await.unwrap()
    };
    let list = ask(deployment.factory, &[factory::count(), factory::entry(0)]).await;
    assert_eq!(list.code_hash(), Some(deployment.factory_code_hash));
    assert_eq!(holdings::listed_collections(&list).unwrap(), [made]);

    let believed = ContractRoots {
        registry: deployment.registry,
        log_anchor: deployment.log_anchor,
        factory: Some(deployment.factory),
        implementation_code_hashes: vec![deployment.implementation_code_hash],
    };
    let implementation = ask(deployment.implementation, &[]).await;
    let implementation = PinnedImplementation::proven(&implementation, &believed).unwrap();
    let token = TokenId::new(DesignId::new(1).unwrap(), Serial::new(1).unwrap());
    let wallet = brand.address();
    let slots = [
        collection::issuer(),
        collection::owner_word(token),
        collection::balance(wallet),
    ];
    let shown = ask(made, &slots).await;
    assert_eq!(shown.code_hash(), Some(deployment.clone_code_hash));
    assert_eq!(
        IssuerWord(shown.word(collection::issuer()).unwrap()).issuer_id(),
        1
    );
    let shown = ProvenCollection::proven(shown, &implementation).unwrap();
    assert_eq!(shown.rights(token).unwrap().0, U256::ZERO);
    let proven = *shown.account().block();
    assert_eq!(proven.block_ref().hash, block);
    let nothing = holdings::complete(&proven, wallet, &[made], &[(shown, vec![])]).unwrap();
    assert_eq!(nothing.collections, [(made, vec![])]);

    let issuers = ask(deployment.registry, &[registry::account(issuer)]).await;
    assert_eq!(
        Address::from_word(issuers.word(registry::account(issuer)).unwrap().into()),
        wallet
    );
    let nobody = ask(Address::repeat_byte(0xdd), &[StorageSlot::numbered(1)]).await;
    assert_eq!(
        (nobody.code_hash(), nobody.word(StorageSlot::numbered(1))),
        (None, Ok(U256::ZERO))
    );

    let unknown = read::proven_account(&rpc, made, &[], B256::repeat_byte(1))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), "node_fault");
}
