//! The story of the demo, told to the service over HTTP and looked at from outside.

use alloy_primitives::Address;
use serde_json::{Value, json};
use vestiary::batch_file::BatchFile;
use vestiary::digest::Sha256;
use vestiary::ids::{ChainId, CollectionId, WearableId};
use vestiary::keys::PublicKey;
use vestiary::receipt::SignedReceipt;
use vestiary::roots::{ChainRoot, CheckpointPolicy, ContractRoots, IssuerRoot, LogRoot, Policy, Roots};
use vestiary::verify::{CheckName, DEFAULT_REQUIRE, Expectations, Outcome, verify_certificate};
use vestiary_chain::calls::{self, ClaimArguments};
use vestiary_log::CheckpointSigner as _;

use crate::support::actors::{Actor, Brand, deadline_s};
use crate::support::http::{Client, segment};
use crate::support::{ORIGIN, TestLedger, eventually, fixture};

/// Waits until a claim is in a block.
pub(crate) async fn wait_claimed(ledger: &TestLedger, claim: &Value) -> Value {
    let path = format!("/v1/claims/{}", claim["id"].as_str().unwrap());
    let view = eventually("the claim is included", async || {
        let view = ledger.client().get(&path).await.expect(200);
        assert_ne!(view["state"], "failed", "{view}");
        matches!(view["state"].as_str(), Some("included" | "finalized")).then_some(view)
    })
    .await;
    ledger.settle().await;
    view
}

/// What a wallet may wear in a world, as answered.
pub(crate) async fn inventory(ledger: &TestLedger, who: &Actor, world: &str) -> Value {
    let query = if world.is_empty() {
        String::new()
    } else {
        format!("?world={world}")
    };
    let path = format!("/v1/wallets/{}/wearables{query}", who.text());
    ledger.client().get(&path).await.expect(200)
}

/// What somebody who trusts this chain, this log and this issuer believes.
pub(crate) async fn roots(ledger: &TestLedger, brand: &Brand) -> Roots {
    let (service, deployment) = (ledger.service(), ledger.deployment());
    let issuer = ledger
        .client()
        .get(&format!("/v1/issuers/{}", brand.issuer))
        .await
        .expect(200);
    let key = issuer["certificate_key"].as_str().unwrap();
    Roots {
        chain: ChainRoot {
            id: deployment.chain,
            block_hash: deployment.genesis_hash,
        },
        contracts: ContractRoots {
            registry: deployment.registry,
            log_anchor: deployment.log_anchor,
            factory: None,
            implementation_code_hashes: vec![deployment.implementation_code_hash],
        },
        logs: vec![LogRoot {
            origin: ORIGIN.into(),
            vkey: service.signing.checkpoint_key(ORIGIN).unwrap().verifier_key(),
            receipt_vkey: service.signing.receipt_vkey(ORIGIN).unwrap(),
            anchoring_account: service.signing.anchoring_account(),
        }],
        issuers: vec![IssuerRoot {
            id: brand.issuer,
            log: None,
            key: PublicKey::from_multikey(key).unwrap(),
            from_index: 0,
            until_index: None,
            repudiated_from_index: None,
        }],
        policy: Policy {
            checkpoint: CheckpointPolicy::LogKey,
        },
    }
}

/// Registers the two worlds of the fixtures.
pub(crate) async fn worlds(ledger: &TestLedger, client: &Client) {
    for world in ["plaza", "pocket"] {
        let body = fixture(&format!("worlds/{world}.json"));
        let reply = client
            .post_bytes("/v1/worlds", &format!("world/{world}"), body.clone())
            .await;
        let profile = reply.expect(201);
        assert_eq!(profile, serde_json::from_slice::<Value>(&body).unwrap());
        assert_eq!(
            ledger
                .client()
                .get(&format!("/v1/worlds/{world}"))
                .await
                .expect(200),
            profile
        );
    }
}

async fn owner(ledger: &TestLedger, wearable: WearableId) -> String {
    let view = ledger
        .client()
        .get(&format!("/v1/wearables/{}", segment(&wearable)))
        .await;
    view.expect(200)["owner"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brands_list_becomes_two_worlds_answers() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    ledger.check_everything().await;
    let brand = Brand::join(&ledger, "Maison Héron", 1).await;
    let client = brand.client(&ledger);
    worlds(&ledger, &client).await;
    let design = brand.design(&ledger, "100").await;
    ledger.check_everything().await;

    // The brand's list: prepared, signed, promised, on chain, anchored.
    let body = brand.batch(design, 1, 5);
    let prepared = client.post("/v1/batches", "spring", &body).await.expect(202);
    assert_eq!(prepared["state"], "prepared");
    let entries_before = ledger.service().log_size();
    let again = client.post("/v1/batches", "spring", &body).await.expect(202);
    assert_eq!(again, prepared, "the same key and body, the same preparation");
    assert_eq!(
        ledger.service().log_size(),
        entries_before,
        "preparing logs nothing"
    );
    let commit = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    let issued = client.post(&commit, "", &brand.sign(&prepared)).await.expect(200);
    let receipt_key = ledger.service().signing.receipt_vkey(ORIGIN).unwrap();
    let receipt = issued["receipt"].as_str().unwrap();
    let signed = SignedReceipt::parse(receipt.as_bytes()).unwrap();
    let promised = signed.verify(&receipt_key).unwrap();
    assert_eq!((promised.serials.first().get(), promised.serials.count()), (1, 5));
    assert_eq!(promised.collection, brand.collection);
    let again = client.post(&commit, "", &brand.sign(&prepared)).await.expect(200);
    assert_eq!(again["receipt"], receipt, "the same request, the same receipt");
    let again = client.post("/v1/batches", "spring", &body).await.expect(202);
    assert_eq!(
        again["receipt"], receipt,
        "the idempotency key finds the receipt too"
    );
    let other = client
        .post("/v1/batches", "spring", &brand.batch(design, 1, 4))
        .await;
    assert_eq!(other.outcome(), "409 idempotency_key_reused");
    let committed = brand.wait_committed(&ledger, &issued).await;
    assert!(committed["transaction"].as_str().unwrap().starts_with("0x"));
    ledger.wait_anchored().await;
    ledger.check_everything().await;

    // One player claims through the service, and pays nothing.
    let (ana, ben) = (Actor::named("Ana"), Actor::anvil(3));
    let first = brand.wearable(design, 1);
    let body = brand.claim(&ledger, first, ana.address()).await;
    let claim = client
        .with_key("")
        .post("/v1/claims", "", &body)
        .await
        .expect(202);
    let repeated = client
        .with_key("")
        .post("/v1/claims", "", &body)
        .await
        .expect(202);
    assert_eq!(repeated["id"], claim["id"]);
    wait_claimed(&ledger, &claim).await;
    assert_eq!(
        owner(&ledger, first).await,
        format!("eip155:31337:{}", ana.text())
    );
    ledger.check_everything().await;

    // Another claims with the code and a copy of the batch file only.
    let file = ledger
        .client()
        .with_key("")
        .get(committed["batch_file_url"].as_str().unwrap())
        .await;
    let file = BatchFile::parse(&file.body).unwrap();
    let second = brand.wearable(design, 2);
    claim_directly(&ledger, &brand, &file, second, &ben)
        .await
        .unwrap();
    ledger.settle().await;
    assert_eq!(
        owner(&ledger, second).await,
        format!("eip155:31337:{}", ben.text())
    );

    // And gives it away, by a transfer that knows nothing of us.
    ben.give(&ledger, second, ana.address()).await.unwrap();
    ledger.settle().await;
    assert_eq!(
        owner(&ledger, second).await,
        format!("eip155:31337:{}", ana.text())
    );
    ledger.wait_anchored().await;
    ledger.check_everything().await;

    look_at_two_worlds(&ledger, &ana, &ben).await;
    look_at_the_history(&ledger, second, &ana, &ben).await;
    look_at_the_papers(&ledger, &brand, first).await;
    look_at_files_and_metadata(&ledger, &brand, first).await;
    let counts = ledger.check_everything().await;
    assert_eq!(
        (counts.certificates, counts.receipts, counts.owned),
        (5, 1, 2),
        "{counts:?}"
    );
}

/// A claim by somebody who has the code, the batch file and a node, and no service.
pub(crate) async fn claim_directly(
    ledger: &TestLedger,
    brand: &Brand,
    file: &BatchFile,
    wearable: WearableId,
    who: &Actor,
) -> vestiary_chain::Result<vestiary_chain::once::Mined> {
    let leaf = file.tree().leaf(wearable.token_id).expect("the batch has it");
    let deadline = deadline_s();
    let signature = brand
        .claim_key(wearable)
        .sign_claim(who.address(), deadline, leaf.certificate_digest);
    let arguments = ClaimArguments {
        root: file.root(),
        to: who.address(),
        deadline,
        proof: file.tree().proof(wearable.token_id).unwrap(),
        signature: signature.as_bytes().to_vec().into(),
    };
    who.send(
        ledger,
        &calls::claim(wearable.collection.address, leaf, arguments),
    )
    .await
}

async fn look_at_two_worlds(ledger: &TestLedger, ana: &Actor, ben: &Actor) {
    let plaza = inventory(ledger, ana, "plaza").await;
    assert_eq!(plaza["complete"], "yes");
    assert_eq!(plaza["log"]["origin"], ORIGIN);
    let wearables = plaza["wearables"].as_array().unwrap();
    assert_eq!(wearables.len(), 2, "{plaza}");
    for wearable in wearables {
        assert_eq!(wearable["wear"], "yes", "{wearable}");
        assert_eq!(
            (&wearable["slot"], &wearable["binding"]),
            (&json!("torso"), &json!("code"))
        );
        assert_eq!(wearable["issuer"]["name"], "Maison Héron");
        assert_eq!(
            (&wearable["edition"], &wearable["as"]),
            (&json!("100"), &json!("owner"))
        );
        let file = &wearable["files"][0];
        assert!(file["triangles"].as_u64().unwrap() <= 20_000, "{file}");
        let bytes = ledger.client().get(file["url"].as_str().unwrap()).await.body;
        assert_eq!(Sha256::of(&bytes).to_string(), file["sha256"].as_str().unwrap());
        assert_eq!(bytes, fixture("garments/coat-plaza.glb"));
    }
    let pocket = inventory(ledger, ana, "pocket").await;
    let file = &pocket["wearables"][0]["files"][0];
    assert_eq!(pocket["wearables"][0]["wear"], "yes");
    assert!(file["triangles"].as_u64().unwrap() <= 2_000, "{file}");
    assert_eq!(file["needs"], json!([]));

    let empty = inventory(ledger, ben, "plaza").await;
    assert_eq!(
        (&empty["wearables"], &empty["complete"]),
        (&json!([]), &json!("yes"))
    );
    assert_eq!(empty["as_of"].as_array().unwrap().len(), 1);

    // The same through the query that keeps addresses out of URLs.
    let body = json!({ "wallets": [ana.text(), format!("eip155:31337:{}", ben.text())], "world": "plaza" });
    let answer = ledger
        .client()
        .with_key("")
        .post("/v1/wearables/query", "", &body)
        .await
        .expect(200);
    assert_eq!(answer["inventories"][0]["wearables"], plaza["wearables"]);
    assert_eq!(answer["inventories"][1]["wearables"], json!([]));

    // Pages join without a gap or a repeat.
    let base = format!("/v1/wallets/{}/wearables?world=plaza&limit=1", ana.text());
    let one = ledger.client().get(&base).await.expect(200);
    let cursor = one["next_cursor"].as_str().unwrap();
    let two = ledger
        .client()
        .get(&format!("{base}&cursor={cursor}"))
        .await
        .expect(200);
    let ids = [&one["wearables"][0]["id"], &two["wearables"][0]["id"]];
    assert_eq!(ids, [&plaza["wearables"][0]["id"], &plaza["wearables"][1]["id"]]);
    assert_eq!(two["next_cursor"], "");
    let nothing = ledger
        .client()
        .get(&format!("/v1/wallets/{}/wearables?slot=feet", ana.text()))
        .await;
    assert_eq!(nothing.expect(200)["wearables"], json!([]));
}

async fn look_at_the_history(ledger: &TestLedger, id: WearableId, ana: &Actor, ben: &Actor) {
    let history = ledger
        .client()
        .get(&format!("/v1/wearables/{}/provenance", segment(&id)))
        .await
        .expect(200);
    let kinds: Vec<&str> = history["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "certified",
            "committed",
            "anchored",
            "minted",
            "bound",
            "transferred"
        ],
        "{history}"
    );
    let last = &history["steps"][5];
    assert_eq!(last["from"], format!("eip155:31337:{}", ben.text()));
    assert_eq!(last["to"], format!("eip155:31337:{}", ana.text()));
    assert_eq!(history["complete"], true);
}

async fn look_at_the_papers(ledger: &TestLedger, brand: &Brand, id: WearableId) {
    let client = ledger.client().with_key("");
    let certificate = client
        .get(&format!("/v1/wearables/{}/certificate", segment(&id)))
        .await;
    assert_eq!(
        (certificate.status, certificate.header("content-type")),
        (200, "application/vc".into())
    );
    let proof = client.get(&format!("/v1/wearables/{}/proof", segment(&id))).await;
    assert_eq!(proof.status, 200);
    let roots = roots(ledger, brand).await;
    let expected = Expectations {
        chain: Some(brand.collection.chain),
        collection: Some(brand.collection),
        wearable: Some(id),
    };
    let check =
        |bytes: &[u8], roots: Option<&Roots>| verify_certificate(bytes, Some(&proof.body), roots, &expected);
    let report = check(&certificate.body, Some(&roots));
    assert!(report.accepts(&DEFAULT_REQUIRE), "{report}");

    // The digest on chain is the certificate's.
    let view = client
        .get(&format!("/v1/wearables/{}", segment(&id)))
        .await
        .expect(200);
    assert_eq!(view["certificate_digest"], report.digest.unwrap().to_string());

    // A tampered copy is refused, and without roots nothing passes for true.
    let text = String::from_utf8(certificate.body.clone()).unwrap();
    let tampered = text.replace("\"code\"", "\"chip\"");
    assert_ne!(tampered, text);
    let report = check(tampered.as_bytes(), Some(&roots));
    assert!(
        report.checks.iter().any(|check| check.outcome == Outcome::Failed),
        "{report}"
    );
    let report = check(&certificate.body, None);
    assert!(!report.accepts(&DEFAULT_REQUIRE));
    assert!(
        report.checks.iter().all(|check| check.outcome != Outcome::Failed),
        "{report}"
    );
    assert!(report.to_string().contains("no trust root"), "{report}");

    // Whoever expects another chain or collection is told that this is not it.
    let elsewhere = CollectionId::new(ChainId(1), brand.collection.address);
    let another = CollectionId::new(brand.collection.chain, Address::repeat_byte(7));
    for (chain, collection) in [
        (Some(ChainId(1)), None),
        (None, Some(elsewhere)),
        (None, Some(another)),
    ] {
        let expected = Expectations {
            chain,
            collection,
            wearable: None,
        };
        let report = verify_certificate(&certificate.body, Some(&proof.body), Some(&roots), &expected);
        let failed = report
            .checks
            .iter()
            .find(|check| check.outcome == Outcome::Failed);
        assert_eq!(failed.map(|check| check.name), Some(CheckName::Token), "{report}");
    }

    // The service's own verifier says the same.
    let body = json!({
        "certificate": text, "proof": String::from_utf8(proof.body.clone()).unwrap(),
        "roots": roots.to_toml().unwrap(),
    });
    let answer = client.post("/v1/verify", "", &body).await.expect(200);
    assert_eq!(answer["accepted"], true, "{answer}");
}

async fn look_at_files_and_metadata(ledger: &TestLedger, brand: &Brand, id: WearableId) {
    let client = ledger.client().with_key("");
    let token = format!("/metadata/31337/{:#x}/{}", brand.collection.address, id.token_id);
    let metadata = client.get(&token).await.expect(200);
    assert_eq!(metadata["name"], "Manteau Nuit #1");
    assert!(
        metadata["namespaces"]["plaza"]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://ledger.example/files/")
    );
    let contract = client
        .get(&format!(
            "/contract-metadata/31337/{:#x}",
            brand.collection.address
        ))
        .await;
    assert_eq!(contract.expect(200)["name"], "Maison Héron wearables");
    let other = client
        .get(&format!(
            "/metadata/1/{:#x}/{}",
            brand.collection.address, id.token_id
        ))
        .await;
    assert_eq!(other.outcome(), "404 not_found");

    let moved = client
        .get(&format!("/v1/wearables/{}/representations/pocket", segment(&id)))
        .await;
    assert_eq!(moved.status, 307);
    let path = moved.header("location");
    let whole = client.get(&path).await;
    let bytes = fixture("garments/coat-pocket.glb");
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(whole.header("content-type"), "model/gltf-binary");
    assert!(whole.header("cache-control").contains("immutable"));
    let ask = |name: &str, value: &str| {
        Client::send(client.request(reqwest::Method::GET, &path).header(name, value))
    };
    let part = ask("range", "bytes=4-11").await;
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[4..12]));
    assert_eq!(
        part.header("content-range"),
        format!("bytes 4-11/{}", bytes.len())
    );
    let tail = ask("range", "bytes=-7").await;
    assert_eq!(tail.body, bytes[bytes.len() - 7..]);
    let outside = ask("range", &format!("bytes={}-", bytes.len())).await;
    assert_eq!(outside.outcome(), "416 range_not_satisfiable");
    assert_eq!(
        outside.header("content-range"),
        format!("bytes */{}", bytes.len())
    );
    let known = ask("if-none-match", &whole.header("etag")).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = Client::send(client.request(reqwest::Method::HEAD, &path)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    for range in ["bytes=4-11", &format!("bytes={}-", bytes.len())] {
        let request = client
            .request(reqwest::Method::HEAD, &path)
            .header("range", range);
        let head = Client::send(request).await;
        assert_eq!(
            (head.status, head.header("content-range").as_str()),
            (200, ""),
            "{range}"
        );
        assert_eq!(head.header("content-length"), bytes.len().to_string());
    }
}
