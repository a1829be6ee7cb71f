# Each target makes .venv (demo: a smaller .venv-demo) and installs what it needs, once; python3 (3.11 or newer) is all it takes.
PYTHON ?= python3
IN_VENV = $(PYTHON) tools/in_venv.py

# What `make reproduce` trains: a preset of docs/accuracy.toml, so many seeds; where DAQUAR lies; and
# RESUME=1 goes on with runs that are there.
PRESET ?= easy-vqa
SEEDS ?= 3
DAQUAR ?= $(or $(ASKATTEND_SHARED),../shared)/data/daquar

# How many seconds `make load` asks the demo's run for, as many clients do at once.
SECONDS ?= 60

# How many seeds `make scale` simulates of workers that claim shards, die and come back.
SEEDS_OF_WORKERS ?= 10000

# What `make test-oldest` runs with the oldest versions: the tests that use other packages most.
# Old ones warn of what newer ones did away with; schemathesis needs a newer rich than users do.
WITH_OTHERS = tests/cli tests/data/readers tests/data/test_word_vectors.py tests/drawing \
  tests/evaluation tests/experiment/test_tensorboard.py tests/experiment/test_config.py \
  tests/explaining tests/foreign \
  tests/exporting/test_graphs.py tests/exporting/test_export.py tests/features \
  tests/importing tests/metrics tests/report tests/runs/test_run_folder.py tests/serving \
  tests/test_settings.py --ignore tests/serving/test_description.py -W default

# How many processes `make faults` kills at random, after killing work at each of its steps.
KILLS ?= 200

# How many inputs `make fuzz` makes for each thing that reads what others wrote.
INPUTS ?= 100000

.PHONY: demo test test-oldest mutants bench bench-gpu load scale faults fuzz reproduce docs release format

demo:
	@$(IN_VENV) --demo \
	  'askattend train saaa --preset easy-vqa --out runs/demo --resume' \
	  'askattend evaluate runs/demo --split test'
	@echo "Open runs/demo/evaluations/test/report.html"

test:
	@$(IN_VENV) \
	  'ruff format --check .' \
	  'ruff check .' \
	  'mypy' \
	  'python tools/fetch_onnxruntime_web.py' \
	  'pytest --numprocesses auto --maxprocesses 4 --dist loadgroup'

test-oldest:
	@$(IN_VENV) --oldest 'pytest $(WITH_OTHERS)'

mutants:
	@$(IN_VENV) 'python tools/mutants.py'

bench:
	@$(IN_VENV) 'python -m benchmarks.run'

bench-gpu:
	@$(IN_VENV) 'python -m benchmarks.gpu'

load:
	@$(IN_VENV) 'python -m benchmarks.load --seconds $(SECONDS)'

scale:
	@$(IN_VENV) 'python -m benchmarks.claiming --seeds $(SEEDS_OF_WORKERS)'

faults:
	@$(IN_VENV) 'python -m benchmarks.faults --kills $(KILLS)'

fuzz:
	@$(IN_VENV) 'python -m benchmarks.fuzz --inputs $(INPUTS)'

reproduce:
	@$(IN_VENV) 'python -m benchmarks.reproduce $(PRESET) --seeds $(SEEDS) --daquar "$(DAQUAR)" $(if $(RESUME),--resume)'

docs:
	@$(IN_VENV) \
	  'sphinx-build -b html -W --keep-going -q docs build/site' \
	  'python tools/check_site.py build/site --external'
	@echo "Open build/site/index.html"

release:
	@$(IN_VENV) 'python tools/release.py'

format:
	@$(IN_VENV) 'ruff format .' 'ruff check --fix .'
