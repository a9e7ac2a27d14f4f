"""From a fraud probability to what is done: approve, review or decline. Pure; knows no model and no contract."""
