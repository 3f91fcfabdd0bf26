"""FastAPI under uvicorn: https://fastapi.tiangolo.com/tutorial/request-files/ and https://www.uvicorn.org/deployment/.

uvicorn benchmarks.peers.fastapi_app:app --workers 2
"""

from typing import Any

from fastapi import FastAPI, UploadFile

from benchmarks.peers.digits import Reader

app = FastAPI()
reader = Reader()


@app.post("/predict")
async def predict(image: UploadFile) -> dict[str, Any]:
    """Read the digit in the field `image`."""
    return reader.read(await image.read())
