//! Deploying on a real node: twice, by others, interrupted half way, through a node that fails in the middle.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, Signature, U64, address, bytes, keccak256};
use vestiary::ids::ChainId;
use vestiary_chain::deploy::{
    DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE_HASH, Deployment, Placed, deploy, deploy_with,
};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_chain::{ChainError, TransactionSigner, read};
use vestiary_signing::{Account, Purpose};

use crate::anvil::{account, anvil, connect};

/// Signs so many transactions and then refuses.
struct Tiring {
    account: Account,
    left: AtomicUsize,
}

impl TransactionSigner for Tiring {
    fn address(&self) -> Address {
        self.account.address()
    }

    fn sign_transaction(&self, transaction: &TxEip1559) -> Result<Signature, String> {
        let one_less = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .map_err(|_| "no more".to_owned())?;
        TransactionSigner::sign_transaction(&self.account, transaction)
    }
}

async fn sent_by(rpc: &Rpc, account: Address) -> u64 {
    let sent: U64 = rpc
        .call("eth_getTransactionCount", (account, "latest"))
        .await
        .unwrap();
    sent.to()
}

/// Deploys, and tells how many of the contracts stood before and how many are new.
async fn counted(rpc: &Rpc, signer: &dyn TransactionSigner) -> (Deployment, usize, usize) {
    let mut placed = Vec::new();
    let deployment = deploy_with(rpc, signer, |_, _, how| placed.push(how))
        .await
        .unwrap();
    let now = placed.iter().filter(|how| **how == Placed::Now).count();
    (deployment, placed.len() - now, now)
}

/// All but where following starts, which may be any block before the contracts.
fn same(deployment: &Deployment, other: &Deployment) -> bool {
    let first_block = deployment.first_block;
    *deployment
        == Deployment {
            first_block,
            ..other.clone()
        }
}

#[tokio::test]
async fn an_interrupted_deployment_is_continued_and_no_contract_is_created_twice() {
    let Some(node) = anvil() else { return };
    let rpc = connect(&node).await;
    for (already, more) in [(0, 2), (2, 3)] {
        let tiring = Tiring {
            account: account(0, Purpose::Submitter),
            left: AtomicUsize::new(more),
        };
        let mut placed = Vec::new();
        let error = deploy_with(&rpc, &tiring, |_, _, how| placed.push(how))
            .await
            .unwrap_err();
        assert_eq!(error, ChainError::Signer("no more".into()));
        assert_eq!(
            placed,
            [vec![Placed::Before; already], vec![Placed::Now; more]].concat()
        );
    }
    let signer = account(0, Purpose::Submitter);
    let (deployment, before, now) = counted(&rpc, &signer).await;
    assert_eq!((before, now), (5, 1));
    assert_eq!(
        sent_by(&rpc, signer.address()).await,
        6,
        "one transaction a contract"
    );
    deployment.check(&rpc).await.unwrap();

    // Somebody else, later, gets the same and sends nothing.
    let other = account(1, Purpose::Submitter);
    let (found, before, now) = counted(&rpc, &other).await;
    assert_eq!((before, now, sent_by(&rpc, other.address()).await), (6, 0, 0));
    assert!(same(&deployment, &found));
    let block = rpc.head().await.unwrap().number;
    assert!(found.first_block < block && deployment.first_block <= found.first_block);

    // On another chain the addresses are the same, and so is the code.
    let Some(elsewhere) = anvil() else { return };
    let made = deploy(&connect(&elsewhere).await, &other, |_, _| {})
        .await
        .unwrap();
    assert!(same(
        &made,
        &Deployment {
            genesis_hash: made.genesis_hash,
            ..deployment
        }
    ));
}

/// What a line to a node does with the transaction that breaks it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// The node never sees it.
    Before,
    /// The node takes it, and its answer is lost.
    After,
}

/// A line to a node that is cut at the `nth` transaction, for good. Gives its address.
fn line(node_port: u16, nth: usize, breaks: Breaks) -> String {
    const METHOD: &[u8] = b"eth_sendRawTransaction";
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (broken, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(mut client), Ok(mut node)) = (client, TcpStream::connect(("127.0.0.1", node_port)))
            else {
                return;
            };
            if broken.load(Ordering::SeqCst) {
                continue;
            }
            let (mut answers, mut back) = (node.try_clone().unwrap(), client.try_clone().unwrap());
            let (cut, swallows) = (Arc::clone(&broken), Arc::new(AtomicBool::new(false)));
            let swallowed = Arc::clone(&swallows);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = answers.read(&mut buffer) {
                    if swallowed.load(Ordering::SeqCst) {
                        cut.store(true, Ordering::SeqCst);
                    }
                    if cut.load(Ordering::SeqCst) || back.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                let _ = back.shutdown(Shutdown::Both);
            });
            let (broken, seen) = (Arc::clone(&broken), Arc::clone(&seen));
            std::thread::spawn(move || {
                let (mut buffer, mut tail) = (vec![0; 65_536], Vec::new());
                while let Ok(length @ 1..) = client.read(&mut buffer) {
                    let text = [&tail[..], &buffer[..length]].concat();
                    tail = text[text.len().saturating_sub(METHOD.len() - 1)..].to_vec();
                    let found = text.windows(METHOD.len()).any(|window| window == METHOD);
                    if found && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                        match breaks {
                            Breaks::Before => broken.store(true, Ordering::SeqCst),
                            Breaks::After => swallows.store(true, Ordering::SeqCst),
                        }
                    }
                    if broken.load(Ordering::SeqCst) || node.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                let _ = (client.shutdown(Shutdown::Both), node.shutdown(Shutdown::Both));
            });
        }
    });
    url
}

#[tokio::test]
async fn a_node_that_fails_in_the_middle_costs_no_contract_and_makes_none_twice() {
    for (breaks, stand) in [(Breaks::Before, 2), (Breaks::After, 3)] {
        let Some(node) = anvil() else { return };
        let signer = account(0, Purpose::Submitter);
        let endpoint = Endpoint::url(&line(node.port(), 3, breaks)).unwrap();
        let through = Rpc::connect(endpoint, ChainId(31_337), None, RpcOptions::default())
            .await
            .unwrap();
        let mut told = 0;
        let error = deploy_with(&through, &signer, |_, _, _| told += 1)
            .await
            .unwrap_err();
        assert!(error.is_transport(), "{error}");
        assert_eq!(told, 2);

        let rpc = connect(&node).await;
        // What the node took is in its next block.
        while sent_by(&rpc, signer.address()).await < stand {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        // As a command that is run again: it remembers no nonce that it signed for.
        let signer = account(0, Purpose::Submitter);
        let (deployment, before, now) = counted(&rpc, &signer).await;
        assert_eq!((before as u64, now as u64), (stand, 6 - stand));
        assert_eq!(sent_by(&rpc, signer.address()).await, 6);
        deployment.check(&rpc).await.unwrap();
    }
}

#[tokio::test]
async fn other_code_at_an_address_or_no_proxy_is_named_and_nothing_is_sent_there() {
    let Some(node) = anvil() else { return };
    let rpc = connect(&node).await;
    let signer = account(0, Purpose::Submitter);
    let head = rpc.head().await.unwrap().hash;
    assert_eq!(
        read::code_hash(&rpc, DEPLOYMENT_PROXY, head).await.unwrap(),
        DEPLOYMENT_PROXY_CODE_HASH
    );
    let put = async |at: Address, code: Bytes| {
        let () = rpc.call("anvil_setCode", (at, code)).await.unwrap();
    };
    let refused = async |expected: &str| {
        let sent = sent_by(&rpc, signer.address()).await;
        let error = deploy(&rpc, &signer, |_, _| {}).await.unwrap_err();
        assert_eq!(error.code(), "contract_mismatch");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(sent_by(&rpc, signer.address()).await, sent);
    };
    let proxy = read::code(&rpc, DEPLOYMENT_PROXY, head).await.unwrap();
    put(DEPLOYMENT_PROXY, Bytes::new()).await;
    refused(
        "the deterministic deployment proxy at 0x4e59b44847b379578588920cA78FbF26c0B4956C: there is no code",
    )
    .await;
    put(DEPLOYMENT_PROXY, bytes!("00")).await;
    refused("the deterministic deployment proxy at 0x4e59b44847b379578588920cA78FbF26c0B4956C: the code is another one")
        .await;
    put(DEPLOYMENT_PROXY, proxy).await;

    let deployment = deploy(&rpc, &signer, |_, _| {}).await.unwrap();
    let head = rpc.head().await.unwrap().hash;
    for (what, at) in [
        ("LogAnchor", deployment.log_anchor),
        ("IssuerRegistry", deployment.registry),
        ("Estate", deployment.estate),
        ("Recovery", deployment.recovery),
        ("WearableCollection", deployment.implementation),
        ("CollectionFactory", deployment.factory),
    ] {
        let code = read::code(&rpc, at, head).await.unwrap();
        // One bit; and, where it has any, another contract in the place of one that it names.
        let mut other = code.to_vec();
        *other.last_mut().unwrap() ^= 1;
        put(at, other.into()).await;
        refused(&format!("{what} at {at}: the code is another one")).await;
        let registry = deployment.registry.into_word();
        if let Some(place) = code.windows(32).position(|word| word == registry.as_slice()) {
            let mut other = code.to_vec();
            other[place + 12..place + 32]
                .copy_from_slice(address!("0x00000000000000000000000000000000deadbeef").as_slice());
            put(at, other.into()).await;
            refused(&format!("{what} at {at}: the code is another one")).await;
        }
        put(at, code.clone()).await;
        assert_eq!(
            read::code_hash(&rpc, at, rpc.head().await.unwrap().hash)
                .await
                .unwrap(),
            keccak256(&code)
        );
    }
    let (again, before, _) = counted(&rpc, &signer).await;
    assert!(before == 6 && same(&deployment, &again));
}
