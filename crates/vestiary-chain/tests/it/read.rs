//! Questions to contracts, and what contracts may answer.

use alloy_primitives::{Address, B256, Bytes};
use vestiary::{
    abi::{IERC721::ownerOfCall, SolValue},
    ids::{DesignId, Serial, TokenId},
};
use vestiary_chain::{
    ChainError,
    read::{self, MAX_RETURN_BYTES},
    sim::{SimCall, SimOutcome, SimStorage},
};

use crate::support::{connect, sim};

fn answers(output: Bytes) -> impl Fn(&SimCall, &mut SimStorage) -> Result<SimOutcome, Bytes> + Send + Sync {
    move |_, _| {
        Ok(SimOutcome {
            logs: Vec::new(),
            output: output.clone(),
        })
    }
}

fn refuses(_: &SimCall, _: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    Err(Bytes::new())
}

fn contract() -> Address {
    Address::repeat_byte(0x11)
}

fn token_id() -> TokenId {
    TokenId::new(DesignId::new(1).unwrap(), Serial::new(1).unwrap())
}

#[tokio::test(start_paused = true)]
async fn only_the_magic_word_of_a_wallet_with_code_is_a_signature() {
    let mut magic = [0; 32];
    magic[..4].copy_from_slice(&[0x16, 0x26, 0xba, 0x7e]);
    let mut more = magic.to_vec();
    more.push(0);
    let mut other = magic;
    other[31] = 1;
    for (output, signed) in [
        (magic.to_vec(), true),
        (magic[..4].to_vec(), false),
        (more, false),
        (other.to_vec(), false),
        (vec![0; 32], false),
        (Vec::new(), false),
        (vec![0xff; MAX_RETURN_BYTES + 1], false),
    ] {
        let chain = sim(64);
        chain.set_contract(contract(), answers(output.clone().into()));
        let rpc = connect(&chain).await;
        let (block, signature) = (chain.head().hash, Bytes::new());
        let answer = read::is_valid_signature(&rpc, contract(), B256::ZERO, &signature, block).await;
        assert_eq!(answer, Ok(signed), "{} bytes", output.len());
        let nobody = Address::repeat_byte(0x22);
        assert_eq!(
            read::is_valid_signature(&rpc, nobody, B256::ZERO, &signature, block).await,
            Ok(false)
        );
    }
    let chain = sim(64);
    chain.set_contract(contract(), refuses);
    let rpc = connect(&chain).await;
    let (block, signature) = (chain.head().hash, Bytes::new());
    assert_eq!(
        read::is_valid_signature(&rpc, contract(), B256::ZERO, &signature, block).await,
        Ok(false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wallet_is_not_judged_by_a_node_that_does_not_have_the_block() {
    let chain = sim(64);
    chain.set_contract(contract(), answers(Bytes::new()));
    let rpc = connect(&chain).await;
    let unknown = B256::repeat_byte(9);
    let answer = read::is_valid_signature(&rpc, contract(), B256::ZERO, &Bytes::new(), unknown).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_collection_refuses_has_no_owner() {
    let chain = sim(64);
    chain.set_contract(contract(), refuses);
    let rpc = connect(&chain).await;
    assert_eq!(
        read::owner_of(&rpc, contract(), token_id(), chain.head().hash).await,
        Ok(None)
    );
    let owner = Address::repeat_byte(0x33);
    chain.set_contract(contract(), answers(owner.abi_encode().into()));
    assert_eq!(
        read::owner_of(&rpc, contract(), token_id(), chain.head().hash).await,
        Ok(Some(owner))
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_the_limit_or_of_another_type_is_refused() {
    let chain = sim(64);
    let rpc = connect(&chain).await;
    let call = ownerOfCall {
        tokenId: token_id().0,
    };
    chain.set_contract(contract(), answers(vec![0; MAX_RETURN_BYTES + 1].into()));
    let answer = read::call(&rpc, contract(), &call, chain.head().hash).await;
    assert!(matches!(
        answer,
        Err(ChainError::TooLarge {
            limit_bytes: MAX_RETURN_BYTES,
            ..
        })
    ));
    chain.set_contract(contract(), answers(vec![0; 31].into()));
    let answer = read::call(&rpc, contract(), &call, chain.head().hash).await;
    assert!(matches!(answer, Err(ChainError::Malformed { .. })));
}
