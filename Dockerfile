# The service in a container, after the conventions of the Model Asset Exchange; the same image trains and scores in bulk:
#
#   docker build -t max-pytorch-mnist .
#   docker run -it -p 5000:5000 max-pytorch-mnist
#   docker run --env-file FILE max-pytorch-mnist python -m training train --data s3://... --output s3://...
#
# It runs as any user of group 0, on a read-only root file system, without capabilities.

FROM python:3.11-slim-bookworm

# Everything is checked by its hash; PyTorch's builds are then those for CUDA, which run on the CPU as well. Those for the CPU alone, a
# tenth of the size, have hashes that the lock does not hold: --build-arg torch_index=https://download.pytorch.org/whl/cpu
ARG torch_index=

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp

WORKDIR /opt/app

COPY install.sh requirements-train.lock requirements-batch.lock ./
RUN export PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore && \
    ./install.sh requirements-train.lock "$torch_index" && \
    ./install.sh requirements-batch.lock "$torch_index" && pip check

COPY . .

# Where the weights come from: those of this repository; or, with a bucket, the archive MODEL_BUCKET/MODEL_FILE, which must agree
# with sha512sums.txt; or, with use_pre_trained_model=false, the folder custom_assets/ with a sha512sums.txt of its own.
ARG model_bucket=
ARG model_file=assets.tar.gz
ARG use_pre_trained_model=true

RUN if [ "$use_pre_trained_model" = true ] && [ -n "$model_bucket" ]; then \
      rm -rf assets/* && \
      python -c 'import shutil, sys, urllib.request as u; shutil.copyfileobj(u.urlopen(sys.argv[1]), sys.stdout.buffer)' \
        "$model_bucket/$model_file" | tar --extract --gzip --no-same-owner --directory assets; \
    elif [ "$use_pre_trained_model" != true ]; then \
      [ -f custom_assets/sha512sums.txt ] || { echo "custom_assets/sha512sums.txt is missing: make checksums ASSETS=custom_assets" >&2; exit 1; }; \
      rm -rf assets && mv custom_assets assets; \
    fi && \
    if [ -f assets/sha512sums.txt ]; then cd assets; fi && sha512sum --check --strict sha512sums.txt

RUN python -m compileall -q . && chmod -R g=rX .

USER 1001:0
EXPOSE 5000

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '5000') + '/health/ready', timeout=4)"]

CMD ["python", "app.py"]
