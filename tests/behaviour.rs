//! Every behaviour test: one behaviour a file under `tests/`, its name a sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
#![allow(missing_docs, unreachable_pub, dead_code, clippy::disallowed_methods)]

#[path = "behaviour/expected.rs"]
mod expected;
#[path = "../fuzz/src/lib.rs"]
mod fuzzed;
#[path = "behaviour/records_support.rs"]
mod records_support;
#[path = "behaviour/support/sip_client.rs"]
mod sip_client;
#[path = "behaviour/support/mod.rs"]
mod support;

#[path = "behaviour/a_ban_tool_is_told_what_no_sender_can_write.rs"]
mod a_ban_tool_is_told_what_no_sender_can_write;
#[path = "behaviour/a_call_in_this_process_sounds_as_one_on_the_line.rs"]
mod a_call_in_this_process_sounds_as_one_on_the_line;
#[path = "behaviour/a_call_is_followed_by_one_trace.rs"]
mod a_call_is_followed_by_one_trace;
#[path = "behaviour/a_call_is_handed_over_or_goes_on.rs"]
mod a_call_is_handed_over_or_goes_on;
#[path = "behaviour/a_call_is_held_moved_and_goes_on_where_it_was.rs"]
mod a_call_is_held_moved_and_goes_on_where_it_was;
#[path = "behaviour/a_call_listens_to_its_far_end_alone.rs"]
mod a_call_listens_to_its_far_end_alone;
#[path = "behaviour/a_call_out_is_set_up_and_ended.rs"]
mod a_call_out_is_set_up_and_ended;
#[path = "behaviour/a_call_rings_as_long_as_the_hotline_is_told.rs"]
mod a_call_rings_as_long_as_the_hotline_is_told;
#[path = "behaviour/a_call_rings_is_answered_and_hung_up.rs"]
mod a_call_rings_is_answered_and_hung_up;
#[path = "behaviour/a_caller_hears_exactly_the_clips_of_the_dialogue.rs"]
mod a_caller_hears_exactly_the_clips_of_the_dialogue;
#[cfg(feature = "opus")]
#[path = "behaviour/a_caller_who_has_only_opus_hears_and_keys.rs"]
mod a_caller_who_has_only_opus_hears_and_keys;
#[path = "behaviour/a_caller_without_g711_hears_the_prompts_all_the_same.rs"]
mod a_caller_without_g711_hears_the_prompts_all_the_same;
#[path = "behaviour/a_cancelled_call_is_refused_until_that_is_acknowledged.rs"]
mod a_cancelled_call_is_refused_until_that_is_acknowledged;
#[path = "behaviour/a_certificate_is_replaced_without_a_restart.rs"]
mod a_certificate_is_replaced_without_a_restart;
#[path = "behaviour/a_change_of_the_audit_log_is_found_where_it_is.rs"]
mod a_change_of_the_audit_log_is_found_where_it_is;
#[path = "behaviour/a_closed_pipe_ends_a_command_without_a_panic.rs"]
mod a_closed_pipe_ends_a_command_without_a_panic;
#[path = "behaviour/a_configuration_is_checked_as_a_whole_before_it_is_served.rs"]
mod a_configuration_is_checked_as_a_whole_before_it_is_served;
#[path = "behaviour/a_dead_line_is_given_up.rs"]
mod a_dead_line_is_given_up;
#[path = "behaviour/a_foreign_caller_hears_byte_for_byte_what_is_said.rs"]
mod a_foreign_caller_hears_byte_for_byte_what_is_said;
#[path = "behaviour/a_foreign_load_generator_completes_its_calls.rs"]
mod a_foreign_load_generator_completes_its_calls;
#[path = "behaviour/a_foreign_registrar_takes_the_digest.rs"]
mod a_foreign_registrar_takes_the_digest;
#[path = "behaviour/a_good_script_becomes_the_steps_it_describes.rs"]
mod a_good_script_becomes_the_steps_it_describes;
#[path = "behaviour/a_host_is_found_by_its_service_records.rs"]
mod a_host_is_found_by_its_service_records;
#[path = "behaviour/a_hotline_registers_at_its_start_and_unregisters_at_its_end.rs"]
mod a_hotline_registers_at_its_start_and_unregisters_at_its_end;
#[path = "behaviour/a_hotline_told_to_end_lets_its_calls_finish.rs"]
mod a_hotline_told_to_end_lets_its_calls_finish;
#[path = "behaviour/a_key_on_a_bad_line_is_one_key.rs"]
mod a_key_on_a_bad_line_is_one_key;
#[path = "behaviour/a_key_stops_the_sound_at_once.rs"]
mod a_key_stops_the_sound_at_once;
#[path = "behaviour/a_kill_at_any_moment_leaves_every_record_whole_and_once.rs"]
mod a_kill_at_any_moment_leaves_every_record_whole_and_once;
#[path = "behaviour/a_late_answer_of_the_records_holds_no_call.rs"]
mod a_late_answer_of_the_records_holds_no_call;
#[cfg(target_os = "linux")]
#[path = "behaviour/a_load_maker_tells_what_calls_came_to.rs"]
mod a_load_maker_tells_what_calls_came_to;
#[path = "behaviour/a_look_up_elsewhere_is_in_the_hotlines_own_audit_log.rs"]
mod a_look_up_elsewhere_is_in_the_hotlines_own_audit_log;
#[path = "behaviour/a_machine_is_examined_for_what_a_hotline_needs.rs"]
mod a_machine_is_examined_for_what_a_hotline_needs;
#[path = "behaviour/a_menu_is_drawn_with_what_happened_in_it.rs"]
mod a_menu_is_drawn_with_what_happened_in_it;
#[path = "behaviour/a_menu_too_large_to_be_walked_says_so.rs"]
mod a_menu_too_large_to_be_walked_says_so;
#[path = "behaviour/a_message_becomes_clips_and_pauses.rs"]
mod a_message_becomes_clips_and_pauses;
#[path = "behaviour/a_message_is_played_as_a_caller_hears_it.rs"]
mod a_message_is_played_as_a_caller_hears_it;
#[path = "behaviour/a_mistake_in_the_prompts_is_shown_with_its_place.rs"]
mod a_mistake_in_the_prompts_is_shown_with_its_place;
#[path = "behaviour/a_month_is_imported_whole_or_not_at_all.rs"]
mod a_month_is_imported_whole_or_not_at_all;
#[path = "behaviour/a_new_version_is_tried_on_some_calls_first.rs"]
mod a_new_version_is_tried_on_some_calls_first;
#[path = "behaviour/a_person_records_texts_one_after_the_other.rs"]
mod a_person_records_texts_one_after_the_other;
#[path = "behaviour/a_person_says_once_that_a_record_is_wrong.rs"]
mod a_person_says_once_that_a_record_is_wrong;
#[path = "behaviour/a_ringing_arrives_where_that_is_required.rs"]
mod a_ringing_arrives_where_that_is_required;
#[path = "behaviour/a_running_call_is_changed_and_asked.rs"]
mod a_running_call_is_changed_and_asked;
#[path = "behaviour/a_running_hotline_is_told_to_reload.rs"]
mod a_running_hotline_is_told_to_reload;
#[path = "behaviour/a_server_killed_in_the_midst_of_calls_costs_no_call_record.rs"]
mod a_server_killed_in_the_midst_of_calls_costs_no_call_record;
#[path = "behaviour/a_silent_trunk_is_seen_to_be_down.rs"]
mod a_silent_trunk_is_seen_to_be_down;
#[path = "behaviour/a_slow_or_broken_database_never_holds_a_call.rs"]
mod a_slow_or_broken_database_never_holds_a_call;
#[path = "behaviour/a_speaker_is_told_what_to_read.rs"]
mod a_speaker_is_told_what_to_read;
#[path = "behaviour/a_speakers_files_are_taken_in_or_refused_with_the_reason.rs"]
mod a_speakers_files_are_taken_in_or_refused_with_the_reason;
#[path = "behaviour/a_stolen_database_shows_nothing.rs"]
mod a_stolen_database_shows_nothing;
#[path = "behaviour/a_telephone_that_is_interrupted_hangs_up.rs"]
mod a_telephone_that_is_interrupted_hangs_up;
#[path = "behaviour/a_trunk_is_known_by_its_address_or_its_password.rs"]
mod a_trunk_is_known_by_its_address_or_its_password;
#[path = "behaviour/a_value_speaks_only_clips_of_its_vocabulary.rs"]
mod a_value_speaks_only_clips_of_its_vocabulary;
#[path = "behaviour/an_earlier_version_is_given_back_as_it_was.rs"]
mod an_earlier_version_is_given_back_as_it_was;
#[path = "behaviour/an_encrypted_call_is_in_clear_nowhere_on_the_wire.rs"]
mod an_encrypted_call_is_in_clear_nowhere_on_the_wire;
#[path = "behaviour/an_encrypted_call_says_and_hears_nothing_in_clear.rs"]
mod an_encrypted_call_says_and_hears_nothing_in_clear;
#[path = "behaviour/an_import_that_is_killed_leaves_the_old_month_whole.rs"]
mod an_import_that_is_killed_leaves_the_old_month_whole;
#[path = "behaviour/an_initial_password_is_changed_before_it_is_of_use.rs"]
mod an_initial_password_is_changed_before_it_is_of_use;
#[path = "behaviour/an_operator_releases_and_closes_wherever_the_records_are.rs"]
mod an_operator_releases_and_closes_wherever_the_records_are;
#[path = "behaviour/any_sequence_of_inputs_ends_in_speech_a_timer_or_a_hang_up.rs"]
mod any_sequence_of_inputs_ends_in_speech_a_timer_or_a_hang_up;
#[path = "behaviour/any_set_of_facts_says_who_somebody_is.rs"]
mod any_set_of_facts_says_who_somebody_is;
#[path = "behaviour/both_families_are_served_together.rs"]
mod both_families_are_served_together;
#[path = "behaviour/broken_scripts_are_told_what_is_wrong_where_and_how_to_mend_it.rs"]
mod broken_scripts_are_told_what_is_wrong_where_and_how_to_mend_it;
#[path = "behaviour/call_records_hold_nothing_secret.rs"]
mod call_records_hold_nothing_secret;
#[path = "behaviour/call_records_outlive_a_database_that_is_down.rs"]
mod call_records_outlive_a_database_that_is_down;
#[path = "behaviour/calls_beyond_a_share_are_refused_for_now_and_touch_no_other.rs"]
mod calls_beyond_a_share_are_refused_for_now_and_touch_no_other;
#[path = "behaviour/calls_come_and_go_over_connections.rs"]
mod calls_come_and_go_over_connections;
#[path = "behaviour/calls_come_and_go_over_tls.rs"]
mod calls_come_and_go_over_tls;
#[path = "behaviour/calls_come_through_a_proxy.rs"]
mod calls_come_through_a_proxy;
#[path = "behaviour/calls_cross_networks_and_nat.rs"]
mod calls_cross_networks_and_nat;
#[path = "behaviour/captured_keys_are_read.rs"]
mod captured_keys_are_read;
#[path = "behaviour/check_tells_faults_to_people_and_to_machines.rs"]
mod check_tells_faults_to_people_and_to_machines;
#[path = "behaviour/comfort_noise_is_neither_sound_nor_another_codec.rs"]
mod comfort_noise_is_neither_sound_nor_another_codec;
#[path = "behaviour/connections_are_read_with_care.rs"]
mod connections_are_read_with_care;
#[path = "behaviour/each_number_reaches_its_hotline.rs"]
mod each_number_reaches_its_hotline;
#[path = "behaviour/encrypted_calls_are_negotiated_as_policy_says.rs"]
mod encrypted_calls_are_negotiated_as_policy_says;
#[path = "behaviour/ended_calls_leave_nothing_behind.rs"]
mod ended_calls_leave_nothing_behind;
#[path = "behaviour/every_field_case_has_its_test.rs"]
mod every_field_case_has_its_test;
#[path = "behaviour/every_fuzz_target_bears_its_corpus.rs"]
mod every_fuzz_target_bears_its_corpus;
#[path = "behaviour/every_mistake_in_a_script_is_reported_at_once.rs"]
mod every_mistake_in_a_script_is_reported_at_once;
#[path = "behaviour/every_number_below_a_million_is_spoken_as_cldr_says.rs"]
mod every_number_below_a_million_is_spoken_as_cldr_says;
#[path = "behaviour/every_recording_is_fit_to_be_played.rs"]
mod every_recording_is_fit_to_be_played;
#[path = "behaviour/every_seeded_fault_is_found_where_it_is.rs"]
mod every_seeded_fault_is_found_where_it_is;
#[path = "behaviour/every_threat_has_its_test.rs"]
mod every_threat_has_its_test;
#[path = "behaviour/failures_lock_a_telephone_and_nobody_for_ever.rs"]
mod failures_lock_a_telephone_and_nobody_for_ever;
#[path = "behaviour/in_band_keys_are_recognized_as_q24_asks.rs"]
mod in_band_keys_are_recognized_as_q24_asks;
#[path = "behaviour/initial_passwords_come_with_the_month.rs"]
mod initial_passwords_come_with_the_month;
#[path = "behaviour/keys_are_heard_at_every_clock_rate.rs"]
mod keys_are_heard_at_every_clock_rate;
#[path = "behaviour/keys_by_any_source_are_the_same_dialogue.rs"]
mod keys_by_any_source_are_the_same_dialogue;
#[path = "behaviour/look_ups_are_answered_while_passwords_are_checked.rs"]
mod look_ups_are_answered_while_passwords_are_checked;
#[path = "behaviour/made_up_people_are_the_same_everywhere.rs"]
mod made_up_people_are_the_same_everywhere;
#[path = "behaviour/menus_change_without_losing_a_call.rs"]
mod menus_change_without_losing_a_call;
#[path = "behaviour/menus_of_other_systems_become_ours.rs"]
mod menus_of_other_systems_become_ours;
#[path = "behaviour/metrics_tell_how_the_hotline_stands.rs"]
mod metrics_tell_how_the_hotline_stands;
#[path = "behaviour/no_key_is_lost_where_the_kernel_drops_the_sound.rs"]
mod no_key_is_lost_where_the_kernel_drops_the_sound;
#[path = "behaviour/no_text_makes_an_import_fail.rs"]
mod no_text_makes_an_import_fail;
#[path = "behaviour/no_text_makes_the_check_of_a_script_fail.rs"]
mod no_text_makes_the_check_of_a_script_fail;
#[path = "behaviour/numbers_are_said_as_people_say_them.rs"]
mod numbers_are_said_as_people_say_them;
#[path = "behaviour/offers_are_answered_with_what_both_sides_have.rs"]
mod offers_are_answered_with_what_both_sides_have;
#[path = "behaviour/payments_are_read_by_month.rs"]
mod payments_are_read_by_month;
#[path = "behaviour/prompts_arrive_byte_for_byte.rs"]
mod prompts_arrive_byte_for_byte;
#[path = "behaviour/questions_that_failed_elsewhere_are_asked_well.rs"]
mod questions_that_failed_elsewhere_are_asked_well;
#[path = "behaviour/recorded_tones_are_read_and_speech_is_not.rs"]
mod recorded_tones_are_read_and_speech_is_not;
#[path = "behaviour/records_behind_a_service_are_asked_with_care.rs"]
mod records_behind_a_service_are_asked_with_care;
#[path = "behaviour/records_databases_are_opened_with_care.rs"]
mod records_databases_are_opened_with_care;
#[path = "behaviour/records_on_a_server_are_found_again.rs"]
mod records_on_a_server_are_found_again;
#[path = "behaviour/records_on_a_server_are_opened_with_care.rs"]
mod records_on_a_server_are_opened_with_care;
#[path = "behaviour/rubbish_from_the_network_is_survived.rs"]
mod rubbish_from_the_network_is_survived;
#[path = "behaviour/rubbish_on_the_media_ports_is_survived.rs"]
mod rubbish_on_the_media_ports_is_survived;
#[path = "behaviour/secrets_never_reach_logs.rs"]
mod secrets_never_reach_logs;
#[path = "behaviour/sessions_are_kept_and_end_when_nobody_keeps_them.rs"]
mod sessions_are_kept_and_end_when_nobody_keeps_them;
#[path = "behaviour/strangers_are_told_what_the_policy_says.rs"]
mod strangers_are_told_what_the_policy_says;
#[path = "behaviour/the_calls_of_yesterday_go_through_a_changed_menu.rs"]
mod the_calls_of_yesterday_go_through_a_changed_menu;
#[path = "behaviour/the_menu_languages_pages_follow_from_its_types.rs"]
mod the_menu_languages_pages_follow_from_its_types;
#[path = "behaviour/the_messages_of_rfc_4475_are_answered_as_it_asks.rs"]
mod the_messages_of_rfc_4475_are_answered_as_it_asks;
#[path = "behaviour/the_other_services_stay_up_while_the_records_are_down.rs"]
mod the_other_services_stay_up_while_the_records_are_down;
#[path = "behaviour/the_quality_of_a_line_is_told_and_recorded.rs"]
mod the_quality_of_a_line_is_told_and_recorded;
#[path = "behaviour/the_recordings_a_message_needs_are_those_it_plays.rs"]
mod the_recordings_a_message_needs_are_those_it_plays;
#[path = "behaviour/trunks_are_registered_with_and_stay_so.rs"]
mod trunks_are_registered_with_and_stay_so;
#[path = "behaviour/two_hundred_calls_share_a_worker.rs"]
mod two_hundred_calls_share_a_worker;
#[path = "behaviour/verification_does_not_tell_unknown_from_wrong.rs"]
mod verification_does_not_tell_unknown_from_wrong;
#[path = "behaviour/what_another_session_holds_is_waited_for_and_told.rs"]
mod what_another_session_holds_is_waited_for_and_told;
#[path = "behaviour/what_cannot_be_served_is_answered_at_once.rs"]
mod what_cannot_be_served_is_answered_at_once;
#[path = "behaviour/what_is_kept_goes_when_its_time_is_over.rs"]
mod what_is_kept_goes_when_its_time_is_over;
#[path = "behaviour/what_no_test_call_takes_is_told_and_filled.rs"]
mod what_no_test_call_takes_is_told_and_filled;
#[path = "behaviour/what_nobody_recorded_is_synthesized_and_said_to_be.rs"]
mod what_nobody_recorded_is_synthesized_and_said_to_be;
