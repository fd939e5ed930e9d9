//! What a node answers.

use std::cell::RefCell;
use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, Bytes, Log};
use vestiary::ids::ChainId;
use vestiary_chain::ChainError;
use vestiary_chain::MAX_ERROR_TEXT_CHARS;
use vestiary_chain::deploy::Deployment;
use vestiary_chain::follower::LogCheck;
use vestiary_chain::rpc::{Header, Rpc, RpcOptions, Tag};
use vestiary_chain::sim::{Parrot, SimChain, SimOptions};
use vestiary_chain::submitter::SendOutcome;

use crate::input::Input;

/// Deployment files.
pub(super) fn deployment(bytes: &[u8]) {
    if let Ok(deployment) = Deployment::parse(bytes) {
        let written = deployment.to_bytes();
        let again = Deployment::parse(&written).expect("what was read can be read again");
        assert_eq!(again.to_bytes(), written);
    }
}

/// A connection to a parrot, and what is true of its chain.
struct Node {
    runtime: tokio::runtime::Runtime,
    parrot: Parrot,
    rpc: Rpc,
    header: Header,
    watched: BTreeSet<Address>,
    truth: Vec<(Address, Vec<B256>, Bytes, u64)>,
}

impl Node {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a thread's own runtime");
        let ours = Address::repeat_byte(0x11);
        let sim = SimChain::new(SimOptions::default());
        for (address, data) in [
            (ours, "one"),
            (Address::repeat_byte(0x22), "two"),
            (ours, "three"),
        ] {
            let topics = vec![B256::repeat_byte(0x33), B256::ZERO];
            sim.emit(vec![Log::new_unchecked(
                address,
                topics,
                Bytes::from_static(data.as_bytes()),
            )]);
        }
        sim.mine();
        let parrot = Parrot::new(sim);
        let connect = Rpc::connect(parrot.endpoint(), ChainId(31_337), None, RpcOptions::default());
        let rpc = runtime.block_on(connect).expect("it is honest so far");
        let header = runtime.block_on(rpc.head()).expect("it is honest so far");
        let watched = BTreeSet::from([ours]);
        let logs = rpc.logs_at(&header, &watched, LogCheck::ReceiptsRoot);
        let truth = runtime.block_on(logs).expect("it is honest so far");
        let truth: Vec<_> = truth
            .into_iter()
            .map(|log| (log.address, log.topics, log.data, log.log_index))
            .collect();
        assert_eq!(truth.len(), 2);
        Self {
            runtime,
            parrot,
            rpc,
            header,
            watched,
            truth,
        }
    }

    /// Asks one question and looks at what is believed of the answer.
    fn ask(&self, question: u8) -> Result<(), ChainError> {
        let header = &self.header;
        self.runtime.block_on(async {
            match question % 7 {
                0 => {
                    let found = self.rpc.header_by_hash(header.hash).await?;
                    assert!(found.is_none_or(|found| found.block_ref() == header.block_ref()
                        && found.receipts_root == header.receipts_root
                        && found.logs_bloom == header.logs_bloom));
                }
                1 => drop(self.rpc.header(Tag::Finalized).await?),
                2 => {
                    let found = self.rpc.headers(1, 1).await?;
                    assert!(found.len() == 1 && found[0].number == 1);
                }
                3 => {
                    // The receipts hash to the header's root: a lie is found, whatever it is.
                    let logs = self
                        .rpc
                        .logs_at(header, &self.watched, LogCheck::ReceiptsRoot)
                        .await?;
                    let logs: Vec<_> = logs
                        .into_iter()
                        .map(|log| (log.address, log.topics, log.data, log.log_index))
                        .collect();
                    assert_eq!(logs, self.truth, "a lie was believed");
                }
                4 => {
                    let logs = self.rpc.logs_at(header, &self.watched, LogCheck::Bloom).await?;
                    assert!(logs.iter().all(|log| self.watched.contains(&log.address)));
                    assert!(logs.windows(2).all(|pair| pair[0].log_index < pair[1].log_index));
                }
                5 => {
                    let one = std::slice::from_ref(header);
                    let lists = self.rpc.logs_in(one, &self.watched, Some(8)).await?;
                    assert!(lists.len() == 1 && lists[0].len() != 8);
                }
                _ => {
                    let sent: Result<B256, _> = self.rpc.call("eth_sendRawTransaction", ("0x00",)).await;
                    if let Err(error) = sent {
                        assert!(SendOutcome::of(&error) != SendOutcome::Taken);
                        return Err(error);
                    }
                }
            }
            Ok(())
        })
    }
}

/// Any answer to any question: what is believed is proved by the header's hash, and an error is one short line.
pub(super) fn answers(bytes: &[u8]) {
    thread_local! {
        static NODE: RefCell<Option<Node>> = const { RefCell::new(None) };
    }
    let mut input = Input::new(bytes);
    let question = input.byte();
    let Ok(answer) = std::str::from_utf8(input.rest()) else {
        return;
    };
    NODE.with_borrow_mut(|node| {
        let node = node.get_or_insert_with(Node::new);
        node.parrot.say(answer);
        if let Err(error) = node.ask(question) {
            let text = error.to_string();
            assert!(!error.code().is_empty() && !text.contains('\n'), "{text:?}");
            assert!(text.chars().count() < 2 * MAX_ERROR_TEXT_CHARS, "{text}");
        }
    });
}
