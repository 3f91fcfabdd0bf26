"""The steps from bytes to a canonical digit, in their order; `core.image` is their public face.

    arrays     what the steps hand on
    decode     bytes -> pixels: allowed formats only, upright, without transparency
    repeats    pixels -> pixels: as small as before each was repeated to enlarge the picture
    view       pixels -> a picture of the size that is searched
    sheet      pixels -> pixels: without the frame, the printed box or the desk around what the digit is written on
    paper      view -> the paper: its colour, or its light where that is uneven, and whether the ink is darker
    ink        view -> contrast: how much every pixel looks like ink
    lines      ink -> ink without the lines printed on the paper
    pieces     ink -> the connected pieces that belong to the digit: no specks, no frames, no shadows
    found      ink -> the digit: its pieces without the lines, and how much like strokes they look
    polarity   view -> whether the ink is dark, by what is found in dark and in light ink
    search     these together: where the digit is, at the size where it is seen best
    strokes    the digit's strokes, redrawn: bilevel, as wide as a pen's
    canonical  all of it: pixels -> 28x28, fitted into 20x20, centred by mass

    plain      bytes -> picture: the plainest PNG of a digit, on a shorter way than `decode`
    form       picture -> whether it has MNIST's form already

A picture in MNIST's form needs `plain` or `decode` only, and `repeats` where it was enlarged; the other steps import
OpenCV.
"""
