//! NVIDIA's libraries that the CUDA provider needs, and the Python packages that contain them.

/// A library that the provider needs.
pub(super) struct Library {
    pub name: &'static str,
    /// The Python package that contains it, with the range of its versions.
    package: &'static str,
    /// The provider does not start without it.
    pub required: bool,
}

/// Each library comes after those that it needs itself.
pub(super) const LIBRARIES: [Library; 6] = [
    library("libcudart.so.13", "nvidia-cuda-runtime~=13.0", true),
    library("libnvrtc.so.13", "nvidia-cuda-nvrtc~=13.0", false),
    library("libcublasLt.so.13", "nvidia-cublas~=13.0", true),
    library("libcublas.so.13", "nvidia-cublas~=13.0", true),
    library("libcurand.so.10", "nvidia-curand~=10.0", true),
    library("libcudnn.so.9", "nvidia-cudnn-cu13~=9.0", true),
];

const fn library(name: &'static str, package: &'static str, required: bool) -> Library {
    Library {
        name,
        package,
        required,
    }
}

/// Whether the name is that of one of these libraries, but for its major version.
pub(super) fn is_of_other_version(name: &str) -> bool {
    let parts = |name: &str| {
        let (stem, version) = name.split_once(".so.")?;
        let major = version.split('.').next()?;
        Some((stem.to_owned(), major.to_owned()))
    };
    let Some((stem, major)) = parts(name) else {
        return false;
    };
    let mut known = LIBRARIES.iter().filter_map(|library| parts(library.name));
    known.any(|(known, wanted)| known == stem && wanted != major)
}

/// The Python package that contains the library of this name.
pub(super) fn package(name: &str) -> Option<&'static str> {
    let stem = |name: &str| name.split(".so").next().unwrap_or_default().to_owned();
    let found = LIBRARIES.iter().find(|library| stem(library.name) == stem(name));
    found.map(|library| library.package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_major_versions_are_told_apart() {
        for (name, expected) in [
            ("libcublasLt.so.12", true),
            ("libcudnn.so.8", true),
            ("libcudart.so.13.0.96", false),
            ("libcurand.so.10", false),
            ("libm.so.5", false),
            ("libcudart.so", false),
        ] {
            assert_eq!(is_of_other_version(name), expected, "{name}");
        }
    }

    #[test]
    fn packages_are_known_by_library() {
        assert_eq!(package("libcublas.so.13"), Some("nvidia-cublas~=13.0"));
        assert_eq!(package("libcudnn.so.9"), Some("nvidia-cudnn-cu13~=9.0"));
        // Another version comes from the same package.
        assert_eq!(package("libcudart.so.13.0.96"), Some("nvidia-cuda-runtime~=13.0"));
        assert_eq!(package("libm.so.6"), None);
    }
}
