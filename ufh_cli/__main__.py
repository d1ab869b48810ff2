from ufh_cli.cli import main

main()
