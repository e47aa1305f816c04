//! Layouts, types and orders of channels.

use super::*;

fn input(element: Element, channels_last: bool) -> Input {
    Input {
        name: "input".into(),
        element,
        channels: ChannelAxis::Of(match channels_last {
            true => Layout::ChannelsLast,
            false => Layout::ChannelsFirst,
        }),
        is_grey: false,
        blue_first: false,
        resizes: false,
        batch: None,
        size: Some(2),
    }
}

#[test]
fn pixels_get_the_layout_of_the_input() {
    let values: Vec<u8> = (0..24).collect();
    let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
    let bytes = |channels_last| {
        let arranged = input(Element::Uint8, channels_last).arrange(Pixels::Uint8(&values), 2);
        let Arranged::Uint8(bytes) = arranged.unwrap() else {
            panic!("these are no bytes");
        };
        bytes.into_owned()
    };
    // The input's layout is the decoders': nothing moves.
    assert_eq!(bytes(true), values);
    assert_eq!(bytes(false)[..6], [0, 3, 6, 9, 1, 4]);
    let arranged = input(Element::Float32, true).arrange(Pixels::Float(&floats), 2);
    let Arranged::Float(found) = arranged.unwrap() else {
        panic!("these are no floats");
    };
    assert_eq!(found[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
    let arranged = input(Element::Float16, true).arrange(Pixels::Float(&floats), 2);
    let Arranged::Half(halves) = arranged.unwrap() else {
        panic!("these are no halves");
    };
    assert_eq!(
        halves.iter().map(|value| value.to_f32()).collect::<Vec<_>>(),
        *found
    );
}

#[test]
fn blue_comes_first_where_the_input_takes_it_so() {
    let values: Vec<u8> = (0..24).collect();
    let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
    for channels_last in [false, true] {
        let with = |element, blue_first| Input {
            blue_first,
            ..input(element, channels_last)
        };
        let bytes = |blue_first| match with(Element::Uint8, blue_first).arrange(Pixels::Uint8(&values), 2) {
            Ok(Arranged::Uint8(bytes)) => bytes.into_owned(),
            _ => panic!("these are no bytes"),
        };
        let singles = |blue_first| match with(Element::Float32, blue_first).arrange(Pixels::Float(&floats), 2)
        {
            Ok(Arranged::Float(values)) => values.into_owned(),
            _ => panic!("these are no floats"),
        };
        // Where a channel of a pixel of a picture lies.
        let at = |picture: usize, pixel: usize, channel: usize| match channels_last {
            true => picture * 12 + pixel * 3 + channel,
            false => picture * 12 + channel * 4 + pixel,
        };
        for (picture, pixel, channel) in (0..24).map(|i| (i / 12, i / 3 % 4, i % 3)) {
            let (to, from) = (at(picture, pixel, channel), at(picture, pixel, 2 - channel));
            assert_eq!(bytes(true)[to], bytes(false)[from]);
            assert_eq!(singles(true)[to], singles(false)[from]);
        }
    }
}

#[test]
fn a_grey_input_takes_one_channel() {
    let values: Vec<u8> = (0..24).collect();
    let floats: Vec<f32> = values.iter().map(|&value| value.into()).collect();
    for (channels, shape) in [
        (ChannelAxis::Of(Layout::ChannelsFirst), &[2, 1, 2, 2][..]),
        (LAST, &[2, 2, 2, 1]),
        (ChannelAxis::Missing, &[2, 2, 2]),
    ] {
        let grey = |element| Input {
            channels,
            is_grey: true,
            ..input(element, false)
        };
        let Ok(Arranged::Uint8(bytes)) = grey(Element::Uint8).arrange(Pixels::Uint8(&values), 2) else {
            panic!("these are no bytes");
        };
        assert_eq!(*bytes, [0, 3, 6, 9, 12, 15, 18, 21]);
        let Ok(Arranged::Float(found)) = grey(Element::Float32).arrange(Pixels::Float(&floats), 2) else {
            panic!("these are no floats");
        };
        assert_eq!(*found, [0.0, 1.0, 2.0, 3.0, 12.0, 13.0, 14.0, 15.0]);
        assert_eq!(grey(Element::Float32).shape(24, 2), shape);
    }
}

#[test]
fn pixels_of_another_type_are_refused() {
    let error = input(Element::Uint8, true).arrange(Pixels::Float(&[0.0; 12]), 1);
    assert!(matches!(error, Err(EngineError::PixelType { .. })));
    let error = input(Element::Float32, false).arrange(Pixels::Uint8(&[0; 12]), 1);
    assert!(matches!(error, Err(EngineError::PixelType { .. })));
}

#[test]
fn only_whole_pictures_of_the_right_size_are_taken() {
    let input = input(Element::Float32, false);
    assert_eq!(input.image_len(24, 2).unwrap(), 12);
    for (len, n) in [(23, 2), (0, 1), (3 * 9, 1), (24, 1)] {
        assert!(input.image_len(len, n).is_err(), "{len} values, {n} images");
    }
}
