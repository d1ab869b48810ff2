from ufh_cli.commands.cli import main

main()
