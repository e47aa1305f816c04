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
    fn packages_are_known_by_library() {
        assert_eq!(package("libcublas.so.13"), Some("nvidia-cublas~=13.0"));
        assert_eq!(package("libcudnn.so.9"), Some("nvidia-cudnn-cu13~=9.0"));
        // Another version comes from the same package.
        assert_eq!(package("libcudart.so.13.0.96"), Some("nvidia-cuda-runtime~=13.0"));
        assert_eq!(package("libm.so.6"), None);
    }
}
