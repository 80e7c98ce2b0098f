# What a run comes to: the events that the console takes, as its own score.py describes them.
module Score
  # More in one virtual second is no music; Sonic Pi's engine gives up far earlier.
  PER_SECOND = 2000

  # A place in the snippet; what the parser says begins with it.
  PLACE = /\Asnippet:(\d+)/

  COUNTED = %i[Play Effect Control Kill Said].freeze

  # Characters of a message, and of a printed line.
  MESSAGE = 400
  LINE = 2000

  class << self
    def reset
      @events = []
      @nodes = 0
      @second = 0
      @count = 0
    end

    def add(type, time, **fields)
      count(time.floor) if COUNTED.include?(type)
      @events << { type:, at: time.to_f, **fields }
    end

    def say(text) = add(:Said, Strand.current.time, text: text[0, LINE]) && nil

    def next_node = @nodes += 1

    # Events up to a time, in the order of time; later ones wait for their turn. An effect comes before what is
    # in it, also what was warped to a time before it.
    def take(limit)
      taken, kept = @events.zip(turns).each_with_index.partition { |(_, turn), _| turn <= limit }
      @events = kept.map { |(event, _), _| event }
      taken.sort_by { |(_, turn), n| [turn, n] }.map { |(event, _), _| event }
    end

    # Only what the synth definition knows is sent, as numbers.
    def numbers(args, known)
      args.filter_map do |name, value|
        next unless known.key?(name.to_s.to_sym)

        number = value.to_f
        unless number.finite?
          raise ArgumentError, "Value of opt #{name.inspect} is not a number: #{value.inspect}"
        end

        [name, number]
      end.to_h
    end

    def failed(error)
      message = error.message.to_s
      message = syntax(message) if PLACE.match?(message)
      line = line(error.message, *error.backtrace)
      add(:Failed, Strand.current.time, error: error.class.to_s, message: message[0, MESSAGE], line:)
    end

    # The snippet's line that runs, or ran last: the console asks on the stack of a run that it has ended.
    def here = line(*caller, *Strand.current&.backtrace)

    private

    # When each event is to be told.
    def turns
      first = {}
      turns = @events.reverse.map do |event|
        turn = event[:at]
        turn = [turn, first[event[:node]] || turn].min if event[:type] == :Effect
        first[event[:place]] = [turn, first[event[:place]] || turn].min if event[:place]
        turn
      end
      turns.reverse
    end

    def count(second)
      @second, @count = second, 0 if second > @second
      @count += 1
      raise Refused, "more than #{PER_SECOND} sounds and changes in one second" if @count > PER_SECOND
    end

    # Where in the snippet it happened: the innermost of its lines, else where the thread was begun; or 0.
    def line(*places)
      places << Strand.current&.origin&.source_location&.join(":")
      places.filter_map { |place| place.to_s[PLACE, 1] }.first.to_i
    end

    # The parser's own words, without the drawing around them.
    def syntax(message)
      message.scan(/\^~* ?(.+)$/).flatten.first || message.lines.first.to_s.chomp
    end
  end
end
