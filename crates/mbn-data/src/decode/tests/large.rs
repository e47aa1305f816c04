//! Pictures about as large as the limits.

use super::*;

fn with_limit(max_pixels: u64) -> DecodeOptions {
    DecodeOptions {
        max_pixels,
        ..DecodeOptions::default()
    }
}

/// The frame header of a JPEG file, changed to say another size.
fn resized_frame(file: &[u8], marker: u8, width: u16, height: u16) -> Vec<u8> {
    let mut file = file.to_vec();
    let frame = file.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

/// A JPEG file with as many data as 200 megapixels take at least.
fn with_more_data(file: &[u8]) -> Vec<u8> {
    let (whole, end) = file.split_at(file.len() - 2);
    [whole, &[0; 4_000_000], end].concat()
}

#[test]
fn panoramas_wider_than_jpeg_allows_are_decoded() {
    let image = picture(100_000, 3);
    let dynamic = DynamicImage::ImageRgb8(image.clone());
    let rgba = dynamic.to_rgba8();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        for file in [encode(image.clone(), format), encode(rgba.clone(), format)] {
            assert_eq!(decode_bytes(&file).unwrap(), image, "{format:?}");
            check_bytes(&file).unwrap();
        }
    }
}

#[test]
fn bmp_files_wider_than_their_decoder_allows_are_refused_by_name() {
    for (width, height) in [(65_536, 1), (1, 65_536)] {
        let file = encode(picture(width, height), ImageFormat::Bmp);
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            assert!(
                error.to_string().contains("more than 65535 pixels a side"),
                "{error}"
            );
        }
    }
    assert!(decode_bytes(&encode(picture(65_535, 1), ImageFormat::Bmp)).is_ok());
}

#[test]
fn pictures_longer_than_a_million_pixels_are_refused() {
    for (width, height) in [(1_000_001, 1), (1, 1_000_001)] {
        for format in [ImageFormat::Png, ImageFormat::Tiff] {
            let file = encode(picture(width, height), format);
            for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
                let expected = format!("image has {width} x {height} pixels, expected at most 1000000 along");
                assert!(error.to_string().contains(&expected), "{error}");
                assert!(!error.is_too_large(), "no option allows it");
            }
        }
    }
    assert!(decode_bytes(&encode(picture(1_000_000, 1), ImageFormat::Png)).is_ok());
}

#[test]
fn the_limit_of_pixels_counts_in_every_format() {
    for format in PictureFormat::ALL {
        let file = file_of(format, picture(40, 30));
        assert!(decode_bytes_with(&file, &with_limit(1200)).is_ok(), "{format}");
        assert!(check_bytes_with(&file, &with_limit(1200)).is_ok(), "{format}");
        for error in [
            decode_bytes_with(&file, &with_limit(1199)).unwrap_err(),
            check_bytes_with(&file, &with_limit(1199)).unwrap_err(),
        ] {
            assert!(
                matches!(
                    error,
                    DecodeErrorKind::TooManyPixels {
                        width: 40,
                        height: 30,
                        limit: 1199,
                        ..
                    }
                ),
                "{format}: {error}"
            );
        }
    }
}

/// The sizes of today's cameras, by their headers: the pixels would take the test too long.
#[test]
fn photos_of_200_megapixels_are_taken_unless_they_are_progressive() {
    let baseline = resized_frame(
        &file_of(PictureFormat::Jpeg, picture(16, 16)),
        0xc0,
        16_320,
        12_240,
    );
    assert_eq!(check_bytes(&with_more_data(&baseline)).unwrap(), None);

    let progressive = with_more_data(&resized_frame(PROGRESSIVE, 0xc2, 16_320, 12_240));
    let error = check_bytes(&progressive).unwrap_err();
    assert!(error.is_too_large());
    let message = error.to_string();
    assert!(
        message.starts_with(
            "decoding this progressive JPEG image takes 1199 MB of memory, expected at most 402"
        ),
        "{message}"
    );
    check_bytes_with(&progressive, &with_limit(800_000_000)).unwrap();
}

/// What is left to a small file: one colour over the whole picture. Conversions to RGB count too.
#[test]
fn memory_is_counted_in_the_layout_of_the_file() {
    let bytes_a_pixel = |format: ImageFormat, image: &DynamicImage| {
        let (width, height) = (image.width(), image.height());
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        let format = PictureFormat::recognise(file.get_ref()).unwrap();
        let (bytes, limits) = (file.get_ref(), limits::Limits::new(1 << 20));
        let total = match format {
            PictureFormat::Png => png_pixels::open(bytes, limits).unwrap().total_bytes(),
            _ => image_crate::total_bytes(format, bytes, &image_crate::open(format, bytes, limits).unwrap()),
        };
        total / (u64::from(width) * u64::from(height))
    };
    let rgb = DynamicImage::ImageRgb8(picture(20, 10));
    for (format, image, expected) in [
        (ImageFormat::Png, rgb.clone(), 3),
        (ImageFormat::Png, rgb.to_rgba8().into(), 4),
        (ImageFormat::Png, rgb.to_luma8().into(), 3),
        (ImageFormat::Png, rgb.to_luma_alpha8().into(), 5),
        (ImageFormat::Png, rgb.to_rgb16().into(), 3),
        (ImageFormat::Bmp, rgb.clone(), 3),
        (ImageFormat::Tiff, rgb.clone(), 3),
        (ImageFormat::Tiff, rgb.to_rgb16().into(), 12),
        (ImageFormat::WebP, rgb.clone(), 7),
    ] {
        let found = bytes_a_pixel(format, &image);
        assert_eq!(found, expected, "{format:?} {:?}", image.color());
    }
}
