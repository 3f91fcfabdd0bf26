"""The steps from bytes to a canonical digit, in their order; `core.image` is their public face.

    decode     bytes -> pixels: allowed formats only, upright, without transparency
    sheet      pixels -> pixels: without the frame or the desk around the paper
    ink        pixels -> contrast: how much every pixel looks like ink, whatever the light, the colours and the polarity
    lines      ink -> ink without the lines printed on the paper
    pieces     ink -> the connected pieces that belong to the digit: no specks, no frames, no shadows
    search     these four together, at the size where they see best
    canonical  the digit's strokes -> 28x28: width as a pen's, fitted into 20x20, centred by mass

Only `decode` is needed for a picture that is in MNIST's form already; the others import OpenCV.
"""
