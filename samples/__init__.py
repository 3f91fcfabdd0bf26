"""Pictures to try, and the stroke renderer that draws them: `strokes` (the pen), `scenes` (paper, light, camera).

Layer rule: `samples` imports none of our other packages; NumPy and Pillow only. Tests, training and benchmarks may
import it.
"""
