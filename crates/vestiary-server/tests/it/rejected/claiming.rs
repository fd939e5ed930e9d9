//! Claims by the wrong code, and what the chain itself refuses.

use alloy_primitives::{Address, U256, hex};
use serde_json::{Value, json};
use vestiary::digest::Sha256;
use vestiary::ids::WearableId;
use vestiary::typed_data::CommitBatch;
use vestiary_chain::calls::{self, ClaimArguments};

use crate::rejected::{Scene, altered};
use crate::story::{inventory, wait_claimed};
use crate::support::actors::{Actor, deadline_s, refusal};
use crate::support::http::segment;

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_good_for_one_wearable_one_receiver_and_once() {
    let Some(mut scene) = Scene::set().await else {
        return;
    };
    let (ledger, brand) = (&scene.ledger, &scene.brand);
    let (ana, mallory) = (Actor::named("Ana"), Actor::named("Mallory"));
    let wearable = |serial| brand.wearable(scene.design, serial);
    let good = brand.claim(ledger, wearable(1), ana.address()).await;
    let changed = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let wrong_code = brand.claim_key(wearable(2));
    let digest = brand.leaf_digest(ledger, wearable(1)).await;
    let wrong = wrong_code.sign_claim(ana.address(), deadline_s(), digest);
    let unknown = brand.wearable(scene.design, 7);
    let other_collection = WearableId {
        collection: vestiary::ids::CollectionId::new(brand.collection.chain, Address::repeat_byte(7)),
        token_id: wearable(1).token_id,
    };
    let mut cases = vec![
        (
            "for another receiver",
            changed("to", json!(mallory.text())),
            "403 wrong_signature",
        ),
        (
            "of another wearable",
            changed("wearable", json!(wearable(2).to_string())),
            "403 wrong_signature",
        ),
        (
            "with another deadline",
            changed("deadline", json!((deadline_s() + 7).to_string())),
            "403 wrong_signature",
        ),
        (
            "with another code",
            changed("signature", json!(hex::encode_prefixed(wrong.as_bytes()))),
            "403 wrong_signature",
        ),
        (
            "of an unknown wearable",
            changed("wearable", json!(unknown.to_string())),
            "404 not_found",
        ),
        (
            "in another collection",
            changed("wearable", json!(other_collection.to_string())),
            "404 not_found",
        ),
        (
            "too late",
            changed("deadline", json!("1700000000")),
            "422 expired",
        ),
        (
            "for too long",
            changed("deadline", json!("99999999999")),
            "422 unprocessable",
        ),
        (
            "for nobody",
            changed("to", json!(format!("{:#x}", Address::ZERO))),
            "400 malformed_id",
        ),
        (
            "in mixed case",
            changed("to", json!(ana.address().to_checksum(None))),
            "400 malformed_id",
        ),
        (
            "with a deadline that is no number",
            changed("deadline", json!("soon")),
            "400 malformed_id",
        ),
        (
            "without hex",
            changed("signature", json!("code")),
            "400 invalid_parameter",
        ),
    ];
    let signature = good["signature"].as_str().unwrap();
    for (what, signature) in altered(signature) {
        cases.push((
            what,
            changed("signature", json!(signature)),
            "403 wrong_signature",
        ));
    }
    let anybody = ledger.client().with_key("");
    for (what, body, expected) in cases {
        scene.refused(what, &anybody.post("/v1/claims", "", &body).await, expected);
    }

    let claim = anybody.post("/v1/claims", "", &good).await.expect(202);
    wait_claimed(ledger, &claim).await;
    scene.before = ledger.wait_quiet().await;
    let again = anybody.post("/v1/claims", "", &good).await.expect(202);
    assert_eq!(again["id"], claim["id"], "the same claim is the same answer");
    let used = scene
        .brand
        .claim(
            &scene.ledger,
            scene.brand.wearable(scene.design, 1),
            mallory.address(),
        )
        .await;
    scene.refused(
        "a used code",
        &anybody.post("/v1/claims", "", &used).await,
        "409 already_claimed",
    );
    assert_eq!(
        inventory(&scene.ledger, &mallory, "").await["wearables"],
        json!([])
    );
    scene.ledger.check_everything().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_refuses_a_minter_that_commits_or_takes_what_has_a_claim_key() {
    let Some(scene) = Scene::set().await else { return };
    let (ledger, brand) = (&scene.ledger, &scene.brand);
    let minter = ledger.service().signing.submitter().address();
    let file = scene.file().await;
    let first = brand.wearable(scene.design, 1);
    let leaf = *file.tree().leaf(first.token_id).unwrap();
    let proof = file.tree().proof(first.token_id).unwrap();
    let collection = brand.collection.address;
    let ana = Actor::named("Ana");

    let commit = CommitBatch {
        design_id: scene.design,
        first_serial: vestiary::ids::Serial::new(4).unwrap(),
        count: 1,
        edition: 10,
        terms: U256::ZERO,
        design_digest: Sha256([1; 32]),
        root: [2; 32].into(),
        deadline: deadline_s(),
    };
    let signed = calls::commit_batch_by_signature(collection, &commit, vec![3; 65].into());
    let said = refusal(ledger, minter, &signed).await;
    assert!(
        said.starts_with("BadSignature") || said.starts_with("DesignFixed"),
        "{said}"
    );
    let unsigned = commit_by_sender(collection, &commit);
    let said = refusal(ledger, minter, &unsigned).await;
    assert!(said.starts_with("NotIssuer"), "{said}");

    let mint = calls::mint(collection, &leaf, file.root(), ana.address(), proof.clone());
    let said = refusal(ledger, minter, &mint).await;
    assert!(
        said.starts_with("NotInBatch"),
        "a claim key's wearable is not the minter's: {said}"
    );
    let said = refusal(ledger, ana.address(), &mint).await;
    assert!(
        said.starts_with("NotMinter") || said.starts_with("NotInBatch"),
        "{said}"
    );

    let claim = |to: Address, signature: Vec<u8>, leaf: &vestiary::tree::Leaf, deadline: u64| {
        let arguments = ClaimArguments {
            root: file.root(),
            to,
            deadline,
            proof: proof.clone(),
            signature: signature.into(),
        };
        calls::claim(collection, leaf, arguments)
    };
    let deadline = deadline_s();
    let signature = brand
        .claim_key(first)
        .sign_claim(ana.address(), deadline, leaf.certificate_digest);
    let bytes = signature.as_bytes().to_vec();
    let good = claim(ana.address(), bytes.clone(), &leaf, deadline);
    assert_eq!(
        refusal(ledger, minter, &good).await,
        "",
        "the unaltered claim goes through"
    );
    let other_receiver = claim(minter, bytes.clone(), &leaf, deadline);
    assert!(
        refusal(ledger, minter, &other_receiver)
            .await
            .starts_with("BadSignature")
    );
    let mut keyless = leaf;
    keyless.claim_key = Address::ZERO;
    let said = refusal(
        ledger,
        minter,
        &claim(ana.address(), bytes.clone(), &keyless, deadline),
    )
    .await;
    assert!(
        said.starts_with("ZeroClaimKey") || said.starts_with("NotInBatch"),
        "{said}"
    );
    let mut foreign = leaf;
    foreign.certificate_digest = Sha256([9; 32]);
    assert!(
        refusal(ledger, minter, &claim(ana.address(), bytes, &foreign, deadline))
            .await
            .starts_with("NotInBatch")
    );
    assert!(ledger.state_digest() == scene.before, "questions change nothing");

    // The brand takes the minter's role back, and the service says so.
    brand
        .account
        .send(ledger, &calls::set_minter(collection, minter, false))
        .await
        .unwrap();
    ledger.settle().await;
    let path = format!("/v1/collections/{}", segment(&brand.collection));
    assert_eq!(scene.client().get(&path).await.expect(200)["minter"], false);
}

fn commit_by_sender(collection: Address, commit: &CommitBatch) -> vestiary_chain::submitter::Call {
    use vestiary::abi::{IWearableCollection, SolCall as _};
    let call = IWearableCollection::commitBatchCall {
        batch: IWearableCollection::Batch {
            designId: commit.design_id.get(),
            firstSerial: commit.first_serial.get(),
            count: commit.count,
            edition: commit.edition,
            terms: commit.terms,
            designDigest: commit.design_digest.b256(),
            root: commit.root,
        },
    };
    vestiary_chain::submitter::Call::new(collection, call.abi_encode().into())
}
