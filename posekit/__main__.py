"""`python -m posekit`: the command line."""

from posekit.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
