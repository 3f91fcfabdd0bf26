"""A checkpoint for other runtimes than this service: `python -m training export --format ...`.

Every artifact takes canonical digits and gives calibrated probabilities, the same as the service's, but for
`safetensors`, which holds the weights alone and the figures that one needs beside them.

    facts        what every artifact says of itself
    network      pixels -> probabilities
    pt2          a program of `torch.export`
    onnx         a graph for ONNX Runtime and its like
    safetensors  the weights, in a form that cannot hold code
    oci          a model artifact for Oracle's Data Science service, which reads pictures too
    mlflow       an MLflow model
    write        artifacts into a folder or object storage
    carried      files that artifacts hold as they are
"""
