//! A boot image as a file, and what belongs to it: its release, its modules, its configuration.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::image::Image;
use super::{Kernel, embedded};
use crate::{Cache, Error, Result};
use sys::input;

/// A boot image with the modules that belong to it.
pub(super) fn file(name: &str, image: &Path, modules: Option<&Path>, cache: &Cache) -> Result<Kernel> {
    let head = native(image)?;
    let release = release_of(&head, image)?;
    if modules.is_none()
        && let Some(tree) = tree_around(image, &release)
    {
        return with_release(
            name,
            image,
            &head,
            release,
            Some(tree.clone()),
            Some(tree.join(".config")),
            cache,
        );
    }
    let modules = match modules {
        Some(folder) => Some(given_modules(folder, &release)?),
        None => modules_places(image, &release).into_iter().find(|place| place.is_dir()),
    };
    let config = config_places(image, modules.as_deref(), &release).into_iter().find(|place| place.is_file());
    with_release(name, image, &head, release, modules, config, cache)
}

pub(super) fn with_release(
    name: &str,
    image: &Path,
    head: &Image,
    release: String,
    modules: Option<PathBuf>,
    config: Option<PathBuf>,
    cache: &Cache,
) -> Result<Kernel> {
    let sha256 = cache.sha256(image)?;
    let settings = match config {
        Some(_) => OnceLock::new(),
        // An image that came alone may tell.
        None => embedded::settings(image, &sha256, cache)?.map_or_else(OnceLock::new, |it| Some(it).into()),
    };
    Ok(Kernel {
        name: name.to_owned(),
        arch: head.arch.to_owned(),
        version: head.banner.clone().unwrap_or_else(|| release.clone()),
        release,
        image: image.to_path_buf(),
        modules,
        config,
        sha256,
        unpacked: None,
        settings,
    })
}

/// The image's head; an error if it is for another architecture.
pub(super) fn native(image: &Path) -> Result<Image> {
    let head = Image::read(image)?;
    if head.arch != std::env::consts::ARCH {
        let reason = format!("is a kernel for {}, and this machine is {}", head.arch, std::env::consts::ARCH);
        return Err(Error::unusable(image, reason, "give a kernel that was built for this machine"));
    }
    Ok(head)
}

pub(super) fn release_of(head: &Image, image: &Path) -> Result<String> {
    let in_name = || image.file_name()?.to_str()?.strip_prefix("vmlinuz-");
    head.release().or_else(in_name).map(str::to_owned).ok_or_else(|| {
        Error::unusable(
            image,
            "does not tell its release",
            "name it vmlinuz-RELEASE, or give the built kernel tree",
        )
    })
}

/// The built tree in which this image lies, if it was not rebuilt as another release since: a vmlinux lies in it, and a
/// bzImage in arch/x86/boot.
fn tree_around(image: &Path, release: &str) -> Option<PathBuf> {
    let is_tree = |tree: &&Path| {
        let built =
            input::read_text(&tree.join("include/config/kernel.release"), input::TEXT).unwrap_or_default();
        built.trim() == release && tree.join(".config").is_file()
    };
    [1, 4].into_iter().filter_map(|above| image.ancestors().nth(above)).find(is_tree).map(Path::to_path_buf)
}

/// A folder that was given for the modules: itself, or a root or `lib/modules` above it.
fn given_modules(folder: &Path, release: &str) -> Result<PathBuf> {
    let folder = folder.canonicalize().map_err(Error::io("find", folder))?;
    let below = ["lib/modules", "usr/lib/modules", ""].map(|above| folder.join(above).join(release));
    if let Some(place) = below.into_iter().find(|place| place.is_dir()) {
        return Ok(place);
    }
    // A folder of another name may still hold the right modules; `closure` looks at what they were built for.
    if folder.join("kernel").is_dir() || folder.join("modules.order").is_file() {
        return Ok(folder);
    }
    let way_out = format!("give the folder whose name is {release}, or that has it in lib/modules");
    Err(Error::unusable(&folder, format!("has no modules of {release}"), way_out))
}

fn modules_places(image: &Path, release: &str) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = image.ancestors().skip(1).take(2).map(Path::to_path_buf).collect();
    roots.push(PathBuf::from("/"));
    roots
        .iter()
        .flat_map(|root| ["lib/modules", "usr/lib/modules"].map(|folder| root.join(folder).join(release)))
        .collect()
}

fn config_places(image: &Path, modules: Option<&Path>, release: &str) -> Vec<PathBuf> {
    let beside = image.parent().unwrap_or(Path::new("."));
    let named = format!("config-{release}");
    let mut places = vec![beside.join(&named), beside.join(".config"), beside.join("config")];
    places.extend(modules.map(|folder| folder.join("config")));
    places.push(PathBuf::from("/boot").join(named));
    places
}
