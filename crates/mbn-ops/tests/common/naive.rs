//! Convolutions and statistics by their definitions, which the operations are compared with.

use candle_core::WithDType;
use mbn_ops::Conv3x3;

/// Dense or grouped convolution by its definition: `x` `[n, cin, h, w]`, `w` `[cout, cin / groups, 3, 3]`,
/// result `[n, cout, oh, ow]`, summed in float64.
pub fn naive_conv<T: WithDType>(
    x: &[T],
    w: &[T],
    (n, cin, h, width): (usize, usize, usize, usize),
    cout: usize,
    groups: usize,
    conv: Conv3x3,
) -> Vec<T> {
    let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(width).unwrap());
    let per_group = cin / groups;
    let mut out = Vec::new();
    for image in 0..n {
        for o in 0..cout {
            let first = o / (cout / groups) * per_group;
            for oy in 0..oh {
                for ox in 0..ow {
                    let mut sum = 0.0f64;
                    for i in 0..per_group {
                        for ky in 0..3 {
                            for kx in 0..3 {
                                let iy = (oy * conv.stride + ky) as isize - conv.pad_begin as isize;
                                let ix = (ox * conv.stride + kx) as isize - conv.pad_begin as isize;
                                if iy < 0 || ix < 0 || iy >= h as isize || ix >= width as isize {
                                    continue;
                                }
                                let at = ((image * cin + first + i) * h + iy as usize) * width + ix as usize;
                                sum += x[at].to_f64() * w[((o * per_group + i) * 3 + ky) * 3 + kx].to_f64();
                            }
                        }
                    }
                    out.push(T::from_f64(sum));
                }
            }
        }
    }
    out
}

/// Mean and biased variance of each channel of `[.., c]` in float64.
pub fn naive_statistics<T: WithDType>(x: &[T], c: usize) -> (Vec<T>, Vec<T>) {
    let rows = (x.len() / c) as f64;
    let column = |i: usize| x.iter().skip(i).step_by(c).map(|v| v.to_f64());
    let mean: Vec<f64> = (0..c).map(|i| column(i).sum::<f64>() / rows).collect();
    let variance = |i: usize| column(i).map(|v| (v - mean[i]).powi(2)).sum::<f64>() / rows;
    (
        mean.iter().map(|mean| T::from_f64(*mean)).collect(),
        (0..c).map(|i| T::from_f64(variance(i))).collect(),
    )
}

/// Gradients of [`naive_conv`] with respect to `x` and `w`, given the gradient of its result.
#[allow(clippy::too_many_arguments, reason = "shapes of a convolution")]
pub fn naive_conv_gradients<T: WithDType>(
    x: &[T],
    w: &[T],
    dy: &[T],
    (n, cin, h, width): (usize, usize, usize, usize),
    cout: usize,
    groups: usize,
    conv: Conv3x3,
) -> (Vec<T>, Vec<T>) {
    let (oh, ow) = (conv.out_size(h).unwrap(), conv.out_size(width).unwrap());
    let per_group = cin / groups;
    let (mut dx, mut dw) = (vec![0.0f64; x.len()], vec![0.0f64; w.len()]);
    for image in 0..n {
        for o in 0..cout {
            let first = o / (cout / groups) * per_group;
            for oy in 0..oh {
                for ox in 0..ow {
                    let dy = dy[((image * cout + o) * oh + oy) * ow + ox].to_f64();
                    for tap in 0..per_group * 9 {
                        let (i, ky, kx) = (tap / 9, tap / 3 % 3, tap % 3);
                        let iy = (oy * conv.stride + ky) as isize - conv.pad_begin as isize;
                        let ix = (ox * conv.stride + kx) as isize - conv.pad_begin as isize;
                        if iy < 0 || ix < 0 || iy >= h as isize || ix >= width as isize {
                            continue;
                        }
                        let at = ((image * cin + first + i) * h + iy as usize) * width + ix as usize;
                        let weight = ((o * per_group + i) * 3 + ky) * 3 + kx;
                        dx[at] += dy * w[weight].to_f64();
                        dw[weight] += dy * x[at].to_f64();
                    }
                }
            }
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(T::from_f64).collect();
    (narrow(dx), narrow(dw))
}
