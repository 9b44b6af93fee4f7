# Every entry is one script: `make help` lists them. Nothing is built by make itself.
.DEFAULT_GOAL := help
.PHONY: help run up down clean-local test lint fmt bench chaos eval-mail

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.* ## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: ## everything on this machine, with sample traffic, in front until Ctrl-C
	@deploy/local/run.sh run

up: ## the same, but in the background
	@deploy/local/run.sh up

down: ## stop what `make up` started; the data stays
	@deploy/local/run.sh down

clean-local: ## stop what runs here and delete .local/
	@deploy/local/run.sh clean

test: ## every test, against a fresh private Apache Kafka and PostgreSQL
	@deploy/local/test.sh

lint: ## clippy, formatting, docs, licences, protos, scripts
	@deploy/local/lint.sh

fmt: ## format every Rust file
	@cargo fmt --all

bench: ## the figures, as one table
	@deploy/local/install.sh bench
	@tests/bench/run.sh

chaos: ## faults on purpose, judged by an oracle (SEED=n repeats one, FULL=1 takes its time)
	@deploy/local/install.sh run
	@tests/chaos/run.sh

eval-mail: ## bounces, auto-replies and replies that others collected: how many are taken for what they are
	@tests/eval-mail/run.sh
