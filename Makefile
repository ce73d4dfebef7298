# Two commands: `make demo` dials the demo hotline, `make test` is everything that CI runs.

.PHONY: demo test setup bench clean

demo: setup
	@tools/demo.sh

test: setup
	@tools/test.sh

setup:
	@tools/setup.sh

bench: setup
	cargo bench

clean:
	cargo clean
	rm -rf hotline-data
