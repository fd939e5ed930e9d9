//! The tree of nodes: a forest, not too deep, that shows meshes.

use super::{
    Fault, MAX_NODE_DEPTH,
    document::{Document, Node, resolve},
    refuse,
};
use crate::Error;

/// Checks nodes, scenes and skins; answers how often each mesh is drawn.
pub(super) fn check(document: &Document<'_>) -> Result<Vec<u64>, Error> {
    let nodes = &document.nodes;
    let mut parents = vec![None; nodes.len()];
    let mut shown = vec![0_u64; document.meshes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let at = || format!("/nodes/{index}");
        for child in &node.children {
            let child = resolve(*child, nodes.len(), at)?;
            if parents[child].replace(index).is_some() {
                return Err(refuse(Fault::NodeHierarchy, at()));
            }
        }
        if let Some(mesh) = node.mesh {
            let mesh = resolve(mesh, document.meshes.len(), at)?;
            shown[mesh] = shown[mesh].saturating_add(copies(node, document, at)?);
        }
        if let Some(skin) = node.skin {
            resolve(skin, document.skins.len(), at)?;
        }
        if let Some(camera) = node.camera {
            resolve(camera, document.cameras.len(), at)?;
        }
    }
    check_depth(nodes, &parents)?;
    if let Some(scene) = document.scene {
        resolve(scene, document.scenes.len(), || "/scene".into())?;
    }
    for (index, scene) in document.scenes.iter().enumerate() {
        for node in &scene.nodes {
            resolve(*node, nodes.len(), || format!("/scenes/{index}"))?;
        }
    }
    for (index, skin) in document.skins.iter().enumerate() {
        let at = || format!("/skins/{index}");
        if skin.joints.is_empty() {
            return Err(refuse(Fault::GltfMalformed, at()));
        }
        for joint in skin.joints.iter().chain(&skin.skeleton) {
            resolve(*joint, nodes.len(), at)?;
        }
    }
    Ok(shown)
}

/// How many copies of its mesh one node draws (`EXT_mesh_gpu_instancing`: one an element).
fn copies(node: &Node, document: &Document<'_>, at: impl Fn() -> String) -> Result<u64, Error> {
    let Some(instancing) = &node.extensions.instancing else {
        return Ok(1);
    };
    let mut copies = 1;
    for accessor in instancing.attributes.values() {
        let accessor = resolve(*accessor, document.accessors.len(), &at)?;
        copies = copies.max(document.accessors[accessor].count.0);
    }
    Ok(copies)
}

/// Walks down from the roots, a level at a time. What is not reached hangs in a circle.
fn check_depth(nodes: &[Node], parents: &[Option<usize>]) -> Result<(), Error> {
    let mut level: Vec<usize> = (0..nodes.len())
        .filter(|index| parents[*index].is_none())
        .collect();
    let mut reached = 0;
    for _ in 0..MAX_NODE_DEPTH {
        reached += level.len();
        let children = level.iter().flat_map(|index| &nodes[*index].children);
        level = children
            .filter_map(|child| usize::try_from(child.0).ok())
            .collect();
        if level.is_empty() {
            let circle = (reached < nodes.len()).then(|| refuse(Fault::NodeHierarchy, "/nodes"));
            return circle.map_or(Ok(()), Err);
        }
    }
    Err(refuse(Fault::NodeDepth, "/nodes"))
}
