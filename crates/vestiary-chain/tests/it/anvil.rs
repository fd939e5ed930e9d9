//! A real node: deploy, commit, claim, give, and a real reorganisation in the middle.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U256};
use tokio::time::timeout;
use vestiary::{
    abi::{ICollectionFactory::CollectionCreated, IERC721, IIssuerRegistry::IssuerRegistered, SolEvent},
    block::{Block, ChainLog},
    digest::Sha256,
    ids::{ChainId, CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId},
    tree::{BatchTree, Leaf},
    typed_data::CommitBatch,
};
use vestiary_chain::{
    ChainError,
    anvil::{Anvil, AnvilOptions},
    calls::{self, ClaimArguments, NewCollection},
    deploy::{Deployment, Placed, deploy_with},
    follower::{Event, Follower, FollowerOptions, Start, Watch},
    once, read,
    rpc::{Endpoint, Rpc, RpcOptions},
    submitter::{Call, MemoryOutbox, OrderId, State, Submitter, SubmitterOptions},
};
use vestiary_signing::{Account, AccountKey, ClaimCode, Memory, Purpose};

/// Secrets of Anvil's first accounts, published with it.
const SECRETS: [&str; 3] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

fn key(place: usize, purpose: Purpose) -> Arc<AccountKey> {
    let secret: B256 = SECRETS[place].parse().unwrap();
    Arc::new(AccountKey::import(purpose, &secret.0).unwrap())
}

pub(crate) fn account(place: usize, purpose: Purpose) -> Account {
    Account::new(key(place, purpose), Arc::new(Memory::fresh()))
}

/// Anvil, or `None` after saying that it is missing; strictly, missing fails.
pub(crate) fn anvil() -> Option<Anvil> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let Some(options) = AnvilOptions::find(root) else {
        println!("missing: anvil");
        assert!(
            std::env::var("VESTIARY_STRICT").as_deref() != Ok("1"),
            "anvil is missing"
        );
        return None;
    };
    let anvil = Anvil::start(&options).unwrap();
    println!("ran: anvil");
    Some(anvil)
}

pub(crate) async fn connect(anvil: &Anvil) -> Rpc {
    let endpoint = Endpoint::url(&anvil.url()).unwrap();
    Rpc::connect(endpoint, ChainId(31_337), None, RpcOptions::default())
        .await
        .unwrap()
}

struct Contracts(Deployment);

impl Watch for Contracts {
    fn addresses(&self) -> Vec<Address> {
        vec![self.0.registry, self.0.factory, self.0.log_anchor]
    }

    fn discover(&self, log: &ChainLog) -> Vec<Address> {
        if log.address != self.0.factory {
            return Vec::new();
        }
        let event = CollectionCreated::decode_raw_log(log.topics.iter().copied(), &log.data);
        event.map(|event| vec![event.collection]).unwrap_or_default()
    }
}

/// Owners as a reader of the events knows them.
#[derive(Default)]
struct Owners {
    blocks: Vec<Block>,
    reverted: usize,
}

impl Owners {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Committed(block) => {
                assert!(self.blocks.last().is_none_or(|tip| tip.hash == block.parent_hash));
                self.blocks.push(block);
            }
            Event::Reverted(block) => {
                assert_eq!(self.blocks.pop().unwrap().block_ref(), block);
                self.reverted += 1;
            }
            Event::CaughtUp { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn of(&self, collection: Address) -> BTreeMap<U256, Address> {
        let logs = self.blocks.iter().flat_map(|block| &block.logs);
        logs.filter(|log| log.address == collection)
            .filter_map(|log| IERC721::Transfer::decode_raw_log(log.topics.iter().copied(), &log.data).ok())
            .map(|transfer| (transfer.tokenId, transfer.to))
            .collect()
    }
}

/// Follows until the newest block is the node's, then compares owners with what the contract says.
async fn agree(
    rpc: &Rpc,
    follower: &mut Follower<Contracts>,
    owners: &mut Owners,
    collection: Address,
    serials: u64,
) {
    let head = loop {
        let event = timeout(Duration::from_secs(20), follower.next())
            .await
            .expect("an event in time");
        let caught_up = match &event {
            Event::CaughtUp { head, .. } => Some(*head),
            _ => None,
        };
        owners.apply(event);
        if let Some(head) = caught_up
            && head == rpc.head().await.unwrap().block_ref()
        {
            break head;
        }
    };
    for serial in 1..=serials {
        let token_id = token(serial);
        let says = read::owner_of(rpc, collection, token_id, head.hash)
            .await
            .unwrap();
        assert_eq!(
            owners.of(collection).get(&token_id.0).copied(),
            says,
            "serial {serial}"
        );
    }
}

fn token(serial: u64) -> TokenId {
    TokenId::new(DesignId::new(1).unwrap(), Serial::new(serial).unwrap())
}

async fn until_mined(lane: &mut Submitter<MemoryOutbox, Account>, order: &str, call: Call) {
    let order = OrderId::new(order).unwrap();
    lane.submit(order.clone(), call).await.unwrap();
    for _ in 0..200 {
        lane.tick().await.unwrap();
        match &lane.entry(&order).unwrap().state {
            State::Included { success: true, .. } | State::Finalized { .. } => return,
            State::Queued | State::Signed | State::Sent => {}
            other => panic!("{order}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{order} is not mined");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn commit_claim_and_gift_on_a_real_node_are_followed_through_a_real_reorganisation() {
    let Some(anvil) = anvil() else { return };
    let rpc = connect(&anvil).await;
    let issuer = account(0, Purpose::Issuer);
    let (mut told, mut again) = (Vec::new(), Vec::new());
    let deployment = deploy_with(&rpc, &issuer, |_, _, placed| told.push(placed))
        .await
        .unwrap();
    let repeated = deploy_with(&rpc, &issuer, |_, _, placed| again.push(placed))
        .await
        .unwrap();
    assert_eq!((told, again), (vec![Placed::Now; 6], vec![Placed::Before; 6]));
    assert_eq!(Deployment::parse(&deployment.to_bytes()).unwrap(), deployment);
    assert!(repeated.first_block >= deployment.first_block);
    assert_eq!(
        Deployment {
            first_block: deployment.first_block,
            ..repeated
        },
        deployment
    );
    deployment.check(&rpc).await.unwrap();
    for change in [
        |changed: &mut Deployment| changed.estate_code_hash = B256::ZERO,
        |changed: &mut Deployment| changed.recovery = changed.estate,
        |changed: &mut Deployment| changed.registry = Address::repeat_byte(9),
    ] {
        let mut changed = deployment.clone();
        change(&mut changed);
        changed.check(&rpc).await.unwrap_err();
    }

    let mined = once::send(&rpc, &issuer, &calls::register(deployment.registry, ""))
        .await
        .unwrap();
    let registered = mined.receipt.decoded_log::<IssuerRegistered>().unwrap();
    let issuer_id = IssuerId::new(registered.issuerId).unwrap();
    let new = NewCollection {
        issuer: issuer_id,
        name: "Maison".to_owned(),
        symbol: "M".to_owned(),
        base_uri: String::new(),
        minter: Address::ZERO,
        salt: B256::ZERO,
    };
    let mined = once::send(&rpc, &issuer, &calls::create_collection(deployment.factory, &new))
        .await
        .unwrap();
    let collection = mined
        .receipt
        .decoded_log::<CollectionCreated>()
        .unwrap()
        .collection;
    let head = rpc.head().await.unwrap();
    assert!(
        read::is_clone_of(&rpc, collection, deployment.implementation, head.hash)
            .await
            .unwrap()
    );
    assert_eq!(
        read::collections(&rpc, deployment.factory, 0, head.hash)
            .await
            .unwrap(),
        [collection]
    );
    assert_eq!(
        read::account_of(&rpc, deployment.registry, issuer_id, head.hash)
            .await
            .unwrap(),
        issuer.address()
    );

    // The issuer signs; the service sends.
    let collection_id = CollectionId {
        chain: ChainId(31_337),
        address: collection,
    };
    let wearable = |serial| WearableId {
        collection: collection_id,
        token_id: token(serial),
    };
    let claim_key = |serial| {
        let byte = u8::try_from(serial).unwrap();
        ClaimCode::from_bytes([byte; 16]).claim_key(&wearable(serial))
    };
    let leaf = |serial: u64| Leaf {
        token_id: token(serial),
        certificate_digest: Sha256::of(&serial.to_be_bytes()),
        claim_key: claim_key(serial).address(),
    };
    let tree = BatchTree::new((1..=4).map(leaf).collect()).unwrap();
    let deadline = head.timestamp + 86_400;
    let batch = CommitBatch {
        design_id: DesignId::new(1).unwrap(),
        first_serial: Serial::new(1).unwrap(),
        count: 4,
        edition: 0,
        terms: U256::ZERO,
        design_digest: Sha256::of(b"design"),
        root: tree.root(),
        deadline,
    };
    let memory = Memory::fresh();
    let signature = key(0, Purpose::Issuer)
        .sign_commit_batch(&memory, collection_id, &batch)
        .unwrap();
    let commit =
        calls::commit_batch_by_signature(collection, &batch, Bytes::copy_from_slice(signature.as_bytes()));
    let service = account(1, Purpose::Submitter);
    let outbox = MemoryOutbox::default();
    let mut lane = Submitter::open(rpc.clone(), service, outbox, SubmitterOptions::default())
        .await
        .unwrap();
    until_mined(&mut lane, "commit", commit.clone()).await;
    let head = rpc.head().await.unwrap();
    let design = DesignId::new(1).unwrap();
    assert_eq!(
        read::next_serial(&rpc, collection, design, head.hash)
            .await
            .unwrap(),
        5
    );

    let player = account(2, Purpose::Submitter);
    let claim = |serial: u64| {
        let leaf = leaf(serial);
        let signature = claim_key(serial).sign_claim(player.address(), deadline, leaf.certificate_digest);
        let arguments = ClaimArguments {
            root: tree.root(),
            to: player.address(),
            deadline,
            proof: tree.proof(leaf.token_id).unwrap(),
            signature: Bytes::copy_from_slice(signature.as_bytes()),
        };
        calls::claim(collection, &leaf, arguments)
    };
    until_mined(&mut lane, "claim-1", claim(1)).await;
    until_mined(&mut lane, "claim-2", claim(2)).await;

    let options = FollowerOptions {
        poll_interval: Duration::from_millis(50),
        halt_on_finalized_rewrite: false,
        ..FollowerOptions::default()
    };
    let start = Start::At(deployment.first_block);
    let mut follower = Follower::new(rpc.clone(), Contracts(deployment.clone()), start, options);
    let mut owners = Owners::default();
    agree(&rpc, &mut follower, &mut owners, collection, 4).await;
    assert_eq!(owners.of(collection).len(), 2);

    let heir = Address::repeat_byte(0xee);
    once::send(
        &rpc,
        &player,
        &calls::transfer(collection, player.address(), heir, token(2)),
    )
    .await
    .unwrap();
    agree(&rpc, &mut follower, &mut owners, collection, 4).await;
    assert_eq!(owners.of(collection)[&token(2).0], heir);

    // A real reorganisation drops the gift, and below what Anvil calls final the claims too. The lane sends
    // its same bytes again; the gift, which nobody keeps, is gone.
    for depth in [2_u64, 4] {
        let before = owners.reverted;
        let _: Option<serde_json::Value> = rpc
            .call("anvil_reorg", (depth, serde_json::json!([])))
            .await
            .unwrap();
        agree(&rpc, &mut follower, &mut owners, collection, 4).await;
        assert!(
            owners.reverted > before,
            "a reorganisation of {depth} was not seen"
        );
        println!(
            "ran: anvil_reorg({depth}), {} blocks undone",
            owners.reverted - before
        );
    }
    for _ in 0..200 {
        lane.tick().await.unwrap();
        let done = |state: &State| matches!(state, State::Included { .. } | State::Finalized { .. });
        if lane.table().entries().all(|entry| done(&entry.state))
            && read::owner_of(&rpc, collection, token(2), rpc.head().await.unwrap().hash)
                .await
                .unwrap()
                .is_some()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    agree(&rpc, &mut follower, &mut owners, collection, 4).await;
    assert_eq!(
        owners.of(collection).keys().collect::<Vec<_>>(),
        [&token(1).0, &token(2).0]
    );

    // A used code and a repeated commit are refused by name, without a nonce.
    let mut refused = async |order: &str, call: Call| {
        let order = OrderId::new(order).unwrap();
        lane.submit(order.clone(), call).await.unwrap();
        loop {
            lane.tick().await.unwrap();
            match lane.entry(&order).unwrap().state.clone() {
                State::Refused { reason } => return reason,
                State::Queued => tokio::time::sleep(Duration::from_millis(200)).await,
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(
        refused("claim-1-again", claim(1))
            .await
            .starts_with("AlreadyMinted")
    );
    assert_eq!(
        refused("commit-again", commit).await,
        "BadSerial { expected: 5, given: 1 }"
    );
}

#[tokio::test]
async fn a_count_that_the_node_proves_is_believed_at_once() {
    let Some(anvil) = anvil() else { return };
    let rpc = connect(&anvil).await;
    let payment = Call::new(Address::repeat_byte(1), Bytes::new());
    once::send(&rpc, &account(0, Purpose::Submitter), &payment)
        .await
        .unwrap();
    let head = rpc.head().await.unwrap().hash;
    let proven = read::proven_account(&rpc, account(0, Purpose::Submitter).address(), &[], head);
    assert_eq!(proven.await.unwrap().nonce(), 1);
    let (signer, options) = (account(0, Purpose::Submitter), SubmitterOptions::default());
    let mut lane = Submitter::open(rpc, signer, MemoryOutbox::default(), options)
        .await
        .unwrap();
    let order = OrderId::new("a").unwrap();
    lane.submit(order.clone(), payment).await.unwrap();
    lane.tick().await.unwrap();
    assert_eq!(lane.entry(&order).unwrap().nonce, Some(1));
}

#[tokio::test]
async fn a_node_of_another_chain_is_refused() {
    let Some(anvil) = anvil() else { return };
    let connect = |chain, genesis| {
        let endpoint = Endpoint::url(&anvil.url()).unwrap();
        Rpc::connect(endpoint, ChainId(chain), genesis, RpcOptions::default())
    };
    assert!(matches!(
        connect(1, None).await,
        Err(ChainError::WrongChain { .. })
    ));
    let genesis = Some(B256::repeat_byte(1));
    assert!(matches!(
        connect(31_337, genesis).await,
        Err(ChainError::WrongGenesis { .. })
    ));
}

#[tokio::test]
async fn a_secret_in_the_url_is_in_no_error_and_no_debug_text() {
    let url = "http://user:hunter2@127.0.0.1:1/v3/hunter2?key=hunter2";
    let endpoint = Endpoint::url(url).unwrap();
    assert!(!format!("{endpoint:?}").contains("hunter2"));
    let error = Rpc::connect(endpoint, ChainId(1), None, RpcOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "node_unreachable");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert_eq!(Endpoint::url("ftp://hunter2").unwrap_err(), ChainError::Endpoint);
}
