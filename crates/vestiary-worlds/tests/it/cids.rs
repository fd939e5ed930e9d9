//! Content ids against those of other programs.
//!
//! The values come from npm `ipfs-unixfs-importer` 17.1.1 (`profile: 'unixfs-v1-2025'`, and fixed-size
//! chunks with the balanced layout for the others), over the pattern i mod 251; those of Decentraland
//! at 262,145 bytes and 174 chunks + 1 are also what `@dcl/hashing` answers.

use crate::support::pattern;
use proptest::prelude::*;
use vestiary_worlds::{
    Sha256,
    cid::{Cid, CidError, DECENTRALAND, Hasher, Profile, UNIXFS_V1_2025, cid_of, cid_of_chunks},
};

const MIB: usize = 1 << 20;
const VECTORS: [(usize, &str, &str); 10] = [
    (
        0,
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    ),
    (
        1,
        "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu",
        "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu",
    ),
    (
        262_144,
        "bafkreibruh455iawsviqslif5c7uurdcfdemh22mtnytyzvnzn75kpejxy",
        "bafkreibruh455iawsviqslif5c7uurdcfdemh22mtnytyzvnzn75kpejxy",
    ),
    (
        262_145,
        "bafkreidkcavdl3yt2jt36sd4cuqnqk2p6vaxq66iykemz6mk527hnbqbni",
        "bafybeiexg2oqkfnj56l7fcmawswqbijt5shq4b5rg6a546uwpkqqzwjioi",
    ),
    (
        524_289,
        "bafkreicvqt4dmqybp7hktn6wlu6t7cilkim6wgv7zoejniwu55ku2rqs5q",
        "bafybeib2ym6g3qle2co2mwlypyzu65jqcpnkt5r7i7dijhq5echor6grza",
    ),
    (
        MIB,
        "bafkreidddocae7lltzjlkooe5a3tmiwsgazn7logjvqk7bzttsidpzhxne",
        "bafybeiedpcapwld4tkgtzwahfofgn4wex5ryysf4se6hwpmlrsh4ntnrau",
    ),
    (
        MIB + 1,
        "bafybeidjogjfwuhbzwopgd4bn3skcf5m6oz72xshywcndzxgqb623nfclu",
        "bafybeig7rd7v2ygpkiiyu3kzsojmrj3ujtinivk7fxid5p33t6kdewzvsm",
    ),
    (
        174 * 262_144,
        "bafybeiggqdvj67urvpcb7gig76plkothth7jpx3cwjngax7mlgdgxy2mea",
        "bafybeihpe5snhzneq7xs53nivmsopto5lrogo3wjynauqylqeym5a3irbm",
    ),
    (
        174 * 262_144 + 1,
        "bafybeih6tfqxgwyqtet2vaiqfjtdisrzv4cjmvm3ov6swdtljna55s4fle",
        "bafybeib4y7ghw2rq7bracc4xwtxrbzo7cfvagdpte2tmrkgwl6dyard3cm",
    ),
    (
        32 * MIB,
        "bafybeifxpqb5ctm6z7l62ysjzlvlkcltbasg64bs7ymst3mo76xxvysuby",
        "bafybeih5xzrjayfwa3fkkt6dom7fg2h7ojqq72zi7gmdhs6yntdvhccpvm",
    ),
];

#[test]
fn content_ids_are_those_of_the_javascript_importer() {
    for (length, ours, decentraland) in VECTORS {
        let bytes = pattern(length);
        assert_eq!(cid_of(&bytes, UNIXFS_V1_2025).to_string(), ours, "{length} bytes");
        assert_eq!(
            cid_of(&bytes, DECENTRALAND).to_string(),
            decentraland,
            "{length} bytes"
        );
    }
}

#[test]
fn hello_has_the_content_id_that_everybody_gives_it() {
    let expected = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
    assert_eq!(cid_of(b"hello", UNIXFS_V1_2025).to_string(), expected);
    assert_eq!(cid_of(b"hello", DECENTRALAND).to_string(), expected);
    assert_eq!(vestiary::digest::raw_cid(&Sha256::of(b"hello")), expected);
}

/// Trees of up to seven levels, which the real parameters reach only with files larger than any disk.
#[test]
fn deep_trees_are_those_of_the_javascript_importer() {
    for (chunk_bytes, links_max, length, expected) in [
        (
            4,
            3,
            12,
            "bafybeiescpchc5ia7pu7ztozfeiu6k4yith5dbt3r43xshnyudv7krmtae",
        ),
        (
            4,
            3,
            13,
            "bafybeigioqx7mhmr5omwrkizhlha6jprh2gzlqmazplk4cj2ezmbx6lhei",
        ),
        (
            4,
            3,
            36,
            "bafybeiazbw7qde46yxbdyyv4rzu3cbrk2cf7f3h7vtbpbzhooueqfws6ti",
        ),
        (
            4,
            3,
            37,
            "bafybeidiwnloirt3sptf4j5vz6iif5pod6yee4z23t57sftychzrp2n4ge",
        ),
        (
            4,
            3,
            40,
            "bafybeihetbzrlrafem3soqmvfd4konslub4z3fs7pbfuqcg3iyxken6yd4",
        ),
        (
            4,
            3,
            109,
            "bafybeihqjgih5vr3po3xckv2yf67fsl7qf6mgclby5ik7to5zm6knpzbli",
        ),
        (
            7,
            2,
            100,
            "bafybeie7zbtydais4kc4o5xw3bvbew5qaochgdjf2njc2tda7ghmnnfjaa",
        ),
        (
            1,
            2,
            9,
            "bafybeigun25ktpo2f4zutphoy5xopkvnqokntpw6u34fjhz3k4em2apc74",
        ),
    ] {
        let profile = Profile {
            name: "small",
            chunk_bytes,
            links_max,
        };
        assert_eq!(
            cid_of(&pattern(length), profile).to_string(),
            expected,
            "{chunk_bytes}/{links_max}/{length}"
        );
    }
}

#[test]
fn only_the_one_text_of_a_content_id_is_read() {
    let good = cid_of(b"hello", UNIXFS_V1_2025).to_string();
    assert_eq!(good.parse::<Cid>().unwrap().to_string(), good);
    let mut not_canonical = good.clone();
    not_canonical.pop();
    not_canonical.push('r'); // other padding bits, same 36 bytes
    for text in [
        "",
        "bafkrei",
        &good.to_uppercase(),
        &format!("{good}a"),
        &good[..58],
        &not_canonical,
        &good.replacen("bafkrei", "bafyrei", 1), // dag-cbor
        "QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN",
        "zb2rhZfjRh2FHHB2RkHVEvL2vJnCTcu7kwRqgVsf9gpkLgteo",
        "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4ye\u{e9}",
    ] {
        assert_eq!(text.parse::<Cid>(), Err(CidError), "{text}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_content_id(
        length in 0_usize..600,
        cuts in proptest::collection::vec(1_usize..90, 1..40),
        chunk_bytes in 1_usize..50,
        links_max in 2_usize..6,
    ) {
        let profile = Profile { name: "small", chunk_bytes, links_max };
        let bytes = pattern(length);
        let mut hasher = Hasher::new(profile);
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            hasher.update(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let hashed = hasher.finish();
        prop_assert_eq!(hashed.cid, cid_of(&bytes, profile));
        prop_assert_eq!(hashed.bytes, length as u64);
        prop_assert_eq!(cid_of_chunks(&hashed.chunks, hashed.bytes, profile), Some(hashed.cid));
        if hashed.chunks.len() > 1 {
            prop_assert_ne!(cid_of_chunks(&hashed.chunks, hashed.bytes + 1, profile), Some(hashed.cid));
            prop_assert_ne!(cid_of_chunks(&hashed.chunks[1..], hashed.bytes, profile), Some(hashed.cid));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(baf[ky][a-z2-7]{50,60})|.{0,70}") {
        if let Ok(cid) = text.parse::<Cid>() {
            prop_assert_eq!(cid.to_string(), text);
        }
    }
}
